"""Certificates and keys, checked before anything starts, while the error can still be clear."""

import ssl
from pathlib import Path

from .console import CommandError, OptionError


def load_server_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Load a server's certificate and key (PEM). Return None without them; raises CommandError."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise OptionError("--tls-cert and --tls-key must be given together")
    read_pem_file(cert)
    read_pem_file(key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(context, cert, key)
    return context


def check_client(path: Path) -> None:
    """Check that a PEM file has a certificate and its key. Raises CommandError."""
    read_pem_file(path)
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path, None)


def check_authority(path: Path) -> None:
    """Check that a PEM file has certificates to trust. Raises CommandError."""
    read_pem_file(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: not a certificate (PEM): {_reason(error)}") from error


def read_pem_file(path: Path) -> bytes:
    """Read a file. Raises CommandError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error


def _load(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(cert, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        names = f"{cert}" if key is None else f"{cert}, {key}"
        text = "not a certificate and its unencrypted private key (PEM)"
        raise CommandError(f"{names}: {text}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
