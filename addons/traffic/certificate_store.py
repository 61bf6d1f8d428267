"""The certificates of the proxy, in memory only.

mitmproxy writes the key of its certificate authority into a folder, and reads the certificate of
the server from a file that also has its key. A process that is killed would leave such files.
"""

import functools
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from cryptography import x509
from mitmproxy import certs, ctx, exceptions
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.options import CONF_BASENAME

_OPTIONS = {"certs", "confdir", "key_size", "cert_passphrase", "emudhra", "emudhra_old"}
"""The options of which mitmproxy makes its store."""


class CertificatesInMemory(TlsConfig):
    """TLS as in mitmproxy, with an authority that is made anew and kept in memory.

    `server` is the files of a certificate and its key, for all clients. Options of mitmproxy go
    first: `confdir` names a folder with an authority, `certs` other certificates.
    """

    name = "tlsconfig"

    def __init__(self, server: tuple[Path, Path] | None = None) -> None:
        self._server = server

    def configure(self, updated: Collection[str]) -> None:
        """Make the store. Raises OptionsError."""
        options: Any = ctx.options
        changed = set(updated)
        if changed & _OPTIONS and not (options.confdir or options.emudhra or options.emudhra_old):
            changed -= _OPTIONS
            self.__dict__.pop("certstore", None)
            for spec in options.certs:
                self._add_option(spec)
        super().configure(changed)  # pyright: ignore[reportUnknownMemberType]
        if self._server is not None and not options.certs:
            self.certstore.add_cert(_read_server(*self._server), "*")

    @functools.cached_property
    def certstore(self) -> certs.CertStore:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The store. It is made for the first client that uses TLS: the key takes up to 0.2 s."""
        return _new_store(ctx.options.key_size)

    def _add_option(self, spec: str) -> None:
        host, _, path = spec.rpartition("=")
        passphrase = ctx.options.cert_passphrase
        try:
            self.certstore.add_cert_file(
                host or "*",
                Path(path).expanduser(),
                passphrase=passphrase.encode() if passphrase else None,
            )
        except (OSError, ValueError) as error:
            raise exceptions.OptionsError(f"certs: {path}: {error}") from error


def _new_store(key_size: int) -> certs.CertStore:
    key, ca = certs.create_ca(CONF_BASENAME, CONF_BASENAME, key_size)
    with tempfile.TemporaryFile() as file:  # These parameters are public.
        file.write(certs.DEFAULT_DHPARAM)
        file.flush()
        file.seek(0)
        parameters = certs.CertStore.load_dhparam(Path(f"/dev/fd/{file.fileno()}"))
    crl = certs.dummy_crl(key, ca)
    return certs.CertStore(key, certs.Cert(ca), None, crl, parameters)


def _read_server(cert: Path, key: Path) -> certs.CertStoreEntry:
    pem = cert.read_bytes()
    chain = [certs.Cert(each) for each in x509.load_pem_x509_certificates(pem)]
    private_key = certs.load_pem_private_key(key.read_bytes(), None)
    return certs.CertStoreEntry(chain[0], private_key, cert, chain)
