"""Content codings of bodies that a cassette does not undo: those that Mesos does not use.

gzip and deflate are always known, br and zstd if their packages are installed, as they are with
mitmproxy. A field may list several codings, in the order in which they were applied:

    Content-Encoding: deflate, br

A decoder takes blocks and yields blocks of at most 1 MiB, so what grows without end is noticed
before it takes memory.
"""

import contextlib
import gzip
import importlib
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .gzip_coding import ContentCodingError, TooLargeError

MAX_DECODED_BYTES = 96 << 20
"""More than the largest body that is recorded (90 MiB)."""

_MOST_CODINGS = 4
_BLOCK_BYTES = 1 << 20
_ZSTD_PACKAGES = ("compression.zstd", "backports.zstd")
"""That of Python since 3.14, and the one that mitmproxy installs on older versions."""

_ZSTD_WINDOW_LOG = 24
"""16 MiB of memory for a window; RFC 9659 permits 8 to a server."""

type _Blocks = Iterable[bytes]


def decode(data: bytes, coding: str, max_bytes: int = MAX_DECODED_BYTES) -> bytes:
    """Undo content codings; of a body that ends too early, as far as it goes.

    `coding` is the value of Content-Encoding. Raises ContentCodingError, and TooLargeError if the
    body grows over `max_bytes`.
    """
    return b"".join(_decoded(data, coding, max_bytes))


def check_size(data: bytes, coding: str, max_bytes: int) -> None:
    """Raise TooLargeError if a body grows over `max_bytes`; it is not held in memory."""
    try:
        for _ in _decoded(data, coding, max_bytes):
            pass
    except TooLargeError:
        raise
    except ContentCodingError:
        return


def encode(data: bytes, coding: str) -> bytes:
    """Apply the content codings that `decode` has undone."""
    for name in _names(coding):
        data = _encode(data, name)
    return data


def _encode(data: bytes, name: str) -> bytes:
    match name:
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


def _names(coding: str) -> list[str]:
    names = [name.strip().lower() for name in coding.split(",")]
    return [name for name in names if name not in ("", "identity")]


def _decoded(data: bytes, coding: str, max_bytes: int) -> Iterator[bytes]:
    """Yield blocks of a body. Raises as `decode`."""
    names = _names(coding)
    if len(names) > _MOST_CODINGS:
        raise ContentCodingError(f"has {len(names)} content codings, expected {_MOST_CODINGS}")
    blocks: _Blocks = [data]
    for name in reversed(names):
        blocks = _undo(name, blocks)
    size = 0
    for block in blocks:
        size += len(block)
        if size > max_bytes:
            text = (
                f"Content-Encoding is {coding.strip()}, and the body grows over {max_bytes} bytes"
            )
            raise TooLargeError(text)
        yield block


def _undo(name: str, blocks: _Blocks) -> _Blocks:
    match name:
        case "gzip" | "x-gzip" | "deflate":
            return _inflate(name, blocks)
        case "br":
            return _named_errors(name, _decompress_brotli, blocks)
        case "zstd":
            return _named_errors(name, _decompress_zstd, blocks)
        case _:
            raise ContentCodingError(f"{name!r} is not a known content coding")


def _inflate(name: str, blocks: _Blocks) -> Iterator[bytes]:
    """Decompress data as far as it goes; what is not compressed stays as it is."""
    first, blocks = b"", iter(blocks)
    while not first and (block := next(blocks, None)) is not None:
        first = block
    decompressor = zlib.decompressobj(_window_bits(name, first))
    is_broken = False
    for data in itertools.chain([first], blocks):
        try:
            # It may hold more when it has consumed all, unless what it returned was no full block.
            block = b""
            while not is_broken and (data or len(block) == _BLOCK_BYTES) and not decompressor.eof:
                block = decompressor.decompress(data, _BLOCK_BYTES)
                data = decompressor.unconsumed_tail or decompressor.unused_data
                yield block
        except zlib.error:
            is_broken = True
        yield data


def _window_bits(name: str, data: bytes) -> int:
    """Return what zlib calls the format of data: gzip, zlib, or deflate without a header."""
    if name != "deflate":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if data[:1] == b"\x78" else -zlib.MAX_WBITS


def _decompress_brotli(blocks: _Blocks) -> Iterator[bytes]:
    decompressor = _package("brotli").Decompressor()
    for data in blocks:
        more = decompressor.process(data, output_buffer_limit=_BLOCK_BYTES)
        while more:  # It may hold more when it has consumed all.
            yield more
            more = decompressor.process(b"", output_buffer_limit=_BLOCK_BYTES)


def _decompress_zstd(blocks: _Blocks) -> Iterator[bytes]:
    """Decompress one frame after the other."""
    zstd = _package(*_ZSTD_PACKAGES)
    options = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    decompressor = zstd.ZstdDecompressor(options=options)
    for block in blocks:
        data = block
        while data or not decompressor.needs_input:
            if decompressor.eof:
                if not data:
                    break
                decompressor = zstd.ZstdDecompressor(options=options)
            yield decompressor.decompress(data, _BLOCK_BYTES)
            data = decompressor.unused_data if decompressor.eof else b""


def _named_errors(
    name: str, decompress: Callable[[_Blocks], Iterator[bytes]], blocks: _Blocks
) -> Iterator[bytes]:
    """Decompress blocks. Raises ContentCodingError for the errors that each package has."""
    try:
        yield from decompress(blocks)
    except ContentCodingError:
        raise
    except Exception as error:
        raise ContentCodingError(f"not {name}: {error}") from error


def _package(*names: str) -> Any:
    for name in names:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise ContentCodingError(f"the package {' or '.join(names)} is not installed")
