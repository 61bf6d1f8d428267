"""Content codings of bodies that a cassette does not undo: those that Mesos does not use.

gzip and deflate are always known, br and zstd if their packages are installed, as they are with
mitmproxy.
"""

import contextlib
import gzip
import importlib
import zlib
from typing import Any

MAX_DECODED_BYTES = 1 << 28
_BLOCK_BYTES = 1 << 20
_ZSTD_PACKAGES = ("compression.zstd", "backports.zstd")
"""That of Python since 3.14, and the one that mitmproxy installs on older versions."""


class CodingError(ValueError):
    """A body does not decode by its content coding, or the coding is not known."""


def decode(data: bytes, coding: str) -> bytes:
    """Undo a content coding; of a body that ends too early, as far as it goes.

    Raises CodingError.
    """
    match coding.strip().lower():
        case "identity" | "":
            return data
        case "gzip" | "x-gzip":
            return _inflate(data, 16 + zlib.MAX_WBITS)
        case "deflate":
            is_zlib = data[:1] == b"\x78"
            return _inflate(data, zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        case "br" | "zstd" as name:
            try:
                plain = _decompress_brotli(data) if name == "br" else _decompress_zstd(data)
            except CodingError:
                raise
            except Exception as error:  # each package has errors of its own
                raise CodingError(f"not {name}: {error}") from error
            return _bounded(plain)
        case _:
            raise CodingError(f"{coding!r} is not a known content coding")


def encode(data: bytes, coding: str) -> bytes:
    """Apply a content coding that `decode` has undone."""
    match coding.strip().lower():
        case "gzip" | "x-gzip":
            return gzip.compress(data, mtime=0)
        case "deflate":
            return zlib.compress(data)
        case "br":
            return _package("brotli").compress(data)
        case "zstd":
            return _package(*_ZSTD_PACKAGES).compress(data)
        case _:
            return data


def _inflate(data: bytes, window_bits: int) -> bytes:
    """Decompress data as far as it goes; data that is not compressed at all stays as it is."""
    decompressor, plain = zlib.decompressobj(window_bits), bytearray()
    try:
        # It may hold more when it has consumed all, unless what it returned was no full block.
        block = b""
        while (data or len(block) == _BLOCK_BYTES) and len(plain) <= MAX_DECODED_BYTES:
            block = decompressor.decompress(data, _BLOCK_BYTES)
            plain += block
            data = decompressor.unconsumed_tail
            if decompressor.eof:
                break
    except zlib.error:
        return bytes(plain) or data
    return _bounded(bytes(plain)) + decompressor.unused_data


def _decompress_brotli(data: bytes) -> bytes:
    decompressor = _package("brotli").Decompressor()
    plain = bytearray()
    while (block := decompressor.process(data, output_buffer_limit=_BLOCK_BYTES)) and len(
        plain
    ) <= MAX_DECODED_BYTES:
        plain += block
        data = b""
    return bytes(plain)


def _decompress_zstd(data: bytes) -> bytes:
    plain = bytearray()
    while data and len(plain) <= MAX_DECODED_BYTES:  # a body may have several frames
        decompressor = _package(*_ZSTD_PACKAGES).ZstdDecompressor()
        plain += decompressor.decompress(data, MAX_DECODED_BYTES + 1)
        data = decompressor.unused_data
    return bytes(plain)


def _bounded(plain: bytes) -> bytes:
    if len(plain) > MAX_DECODED_BYTES:
        raise CodingError(f"is larger than {MAX_DECODED_BYTES} bytes without its content coding")
    return plain


def _package(*names: str) -> Any:
    for name in names:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise CodingError(f"the package {' or '.join(names)} is not installed")
