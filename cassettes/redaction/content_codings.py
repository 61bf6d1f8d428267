"""Content codings of bodies that a cassette does not undo: those that Mesos does not use.

gzip and deflate are always known, br and zstd if their packages are installed, as they are with
mitmproxy.
"""

import gzip
import importlib
import zlib
from typing import Any

MAX_DECODED_BYTES = 1 << 28
_BLOCK_BYTES = 1 << 20


class CodingError(ValueError):
    """A body does not decode by its content coding, or the coding is not known."""


def decode(data: bytes, coding: str) -> bytes:
    """Undo a content coding. Raises CodingError."""
    try:
        match coding.strip().lower():
            case "identity" | "":
                return data
            case "gzip" | "x-gzip":
                return _inflate(data, 16 + zlib.MAX_WBITS)
            case "deflate":
                is_zlib = data[:1] == b"\x78"
                return _inflate(data, zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
            case "br":
                return _package("brotli").decompress(data)
            case "zstd":
                decompressor = _package("zstandard").ZstdDecompressor()
                return decompressor.decompress(data, max_output_size=MAX_DECODED_BYTES)
            case _:
                raise CodingError(f"{coding!r} is not a known content coding")
    except CodingError:
        raise
    except Exception as error:  # each package has errors of its own
        raise CodingError(f"not {coding}: {error}") from error


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
            return _package("zstandard").ZstdCompressor().compress(data)
        case _:
            return data


def _inflate(data: bytes, window_bits: int) -> bytes:
    """Decompress data as far as it goes; data that is not compressed at all stays as it is."""
    decompressor, plain = zlib.decompressobj(window_bits), bytearray()
    try:
        while data and not decompressor.eof and len(plain) < MAX_DECODED_BYTES:
            plain += decompressor.decompress(data, _BLOCK_BYTES)
            data = decompressor.unconsumed_tail
    except zlib.error:
        return bytes(plain) or data
    return bytes(plain) + decompressor.unused_data


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise CodingError(f"the package {name} is not installed") from None
