"""Content-Encoding: what Mesos uses of it, which is gzip.

The compressed bytes depend on the zlib that made them, so a cassette keeps what was compressed.
"""

import gzip
import zlib

MAX_DECOMPRESSED_BYTES = 1 << 30
"""Bytes that a body may grow to; some bodies are made to explode."""

GZIP_MINIMUM_BODY_LENGTH = 1024
"""Bytes from which Mesos compresses a body, if asked to (libprocess's src/encoder.hpp)."""

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6
"""zlib's default, as Mesos has it (3rdparty/stout/include/stout/gzip.hpp)."""


class ContentCodingError(ValueError):
    """A body is not what its Content-Encoding says."""


def gzip_decompress(data: bytes, max_bytes: int = MAX_DECOMPRESSED_BYTES) -> bytes:
    """Undo gzip; raises CodingError for broken or unfinished data, and beyond `limit` bytes."""
    inflater = zlib.decompressobj(_GZIP)
    try:
        plain = inflater.decompress(data, max_bytes)
    except zlib.error as error:
        raise ContentCodingError(
            f"Content-Encoding is gzip, but the body is not: {error}"
        ) from error
    if inflater.unconsumed_tail:
        raise ContentCodingError(
            f"Content-Encoding is gzip, and the body grows over {max_bytes} bytes"
        )
    if not inflater.eof or inflater.unused_data:
        raise ContentCodingError(
            "Content-Encoding is gzip, but the body does not end where that does"
        )
    return plain


def gzip_compress(data: bytes) -> bytes:
    """Do gzip again; the same data gives the same bytes."""
    return gzip.compress(data, _LEVEL, mtime=0)
