"""Content-Encoding as Mesos uses it: gzip only.

The compressed bytes depend on the zlib that made them, so a cassette holds the plain body.
"""

import gzip
import zlib
from collections.abc import Iterable

MAX_DECOMPRESSED_BYTES = 1 << 26
"""64 MiB: a small gzip body can grow without end. A replay accepts no longer requests."""

GZIP_MINIMUM_BODY_LENGTH = 1024
"""Bytes from which on Mesos compresses a body if the client accepts gzip (libprocess's
src/encoder.hpp)."""

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 6
"""zlib's default, as in Mesos (3rdparty/stout/include/stout/gzip.hpp)."""


class ContentCodingError(ValueError):
    """A body does not decode by its Content-Encoding."""


class TooLargeError(ContentCodingError):
    """A body grows over the limit."""


def gzip_decompress(data: bytes, max_bytes: int = MAX_DECOMPRESSED_BYTES) -> bytes:
    """Decompress a body.

    Raises ContentCodingError if the data is broken or unfinished, or has trailing bytes, and
    TooLargeError if it grows over `max_bytes`.
    """
    decompressor = zlib.decompressobj(_GZIP)
    try:
        plain = decompressor.decompress(data, max_bytes)
    except zlib.error as error:
        raise ContentCodingError(
            f"Content-Encoding is gzip, but the body is not: {error}"
        ) from error
    if decompressor.unconsumed_tail:
        raise TooLargeError(f"Content-Encoding is gzip, and the body grows over {max_bytes} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise ContentCodingError(
            "Content-Encoding is gzip, but the body does not end where the gzip data ends"
        )
    return plain


def gzip_compress(data: bytes) -> bytes:
    """Compress a body; the same data gives the same bytes."""
    return gzip.compress(data, _LEVEL, mtime=0)


def gzip_compress_blocks(blocks: Iterable[bytes]) -> bytes:
    """Compress a body that comes in blocks, to the same bytes as `gzip_compress`."""
    compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return b"".join([*map(compressor.compress, blocks), compressor.flush()])
