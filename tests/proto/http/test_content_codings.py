"""Content codings, whole and in pieces, and what grows without end."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from mesotape.proto.http.content_codings import check_size, decode, encode
from mesotape.proto.http.gzip_coding import ContentCodingError, TooLargeError

MIB = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def twice(data: bytes) -> bytes:
    return gzip.compress(gzip.compress(data))


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "two": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "three": ("br,zstd , identity,deflate", lambda data: encode(data, "br, zstd, deflate")),
    "the same twice": ("gzip, gzip", twice),
}
EACH = pytest.mark.parametrize("name", CODINGS)


@EACH
@given(st.binary(max_size=300), st.integers(0, 40_000))
def test_a_coding_is_undone(name: str, data: bytes, copies: int) -> None:
    coding, compress = CODINGS[name]
    plain = data * (copies if len(data) < 100 else 1)
    assert decode(compress(plain), coding) == plain


@EACH
def test_what_was_encoded_is_decoded(name: str) -> None:
    coding, _ = CODINGS[name]
    assert decode(encode(b"plain" * 1000, coding), coding) == b"plain" * 1000


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1, 3 * MIB])
@EACH
def test_more_than_a_block_is_decoded(name: str, size: int) -> None:
    coding, compress = CODINGS[name]
    plain = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert decode(compress(plain), coding) == plain


@EACH
def test_a_body_that_grows_over_the_limit_takes_no_memory(name: str) -> None:
    coding, compress = CODINGS[name]
    bomb = compress(bytes(40 * MIB))
    for act in (decode, check_size):
        tracemalloc.start()
        try:
            with pytest.raises(TooLargeError, match=f"is {coding}, and the body grows over 99999 "):
                act(bomb, coding, 99_999)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 10 * MIB


@EACH
def test_the_limit_is_exact(name: str) -> None:
    coding, compress = CODINGS[name]
    body = compress(bytes(5000))
    assert decode(body, coding, 5000) == bytes(5000)
    with pytest.raises(TooLargeError):
        decode(body, coding, 4999)


@pytest.mark.parametrize("name", ["gzip", "zlib", "raw deflate", "br", "zstd"])
def test_a_body_that_ends_too_early_is_decoded_as_far_as_it_goes(name: str) -> None:
    coding, compress = CODINGS[name]
    plain = b"".join(b"%d " % number for number in range(200_000))
    body = compress(plain)
    got = decode(body[: len(body) // 2], coding)
    assert len(got) > 1000
    assert plain.startswith(got)


@pytest.mark.parametrize(
    ("body", "coding", "plain"),
    [
        (b"plain", "gzip", b"plain"),
        (b"plain", "identity", b"plain"),
        (b"", "gzip", b""),
        (gzip.compress(b"plain", mtime=0) + b"rest", "gzip", b"plainrest"),
        (zstd.compress(b"1") + zstd.compress(b"2"), "zstd", b"12"),
        (gzip.compress(b"plain", mtime=0), "gzip, gzip", b"plain"),
    ],
)
def test_what_is_not_compressed_stays(body: bytes, coding: str, plain: bytes) -> None:
    assert decode(body, coding) == plain


@pytest.mark.parametrize(
    ("body", "coding", "text"),
    [
        (b"\xff" * 40, "br", "not br: "),
        (b"plain", "zstd", "not zstd: "),
        (b"plain", "compress", "'compress' is not a known content coding"),
        (b"plain", "gzip, compress", "'compress' is not a known content coding"),
        (b"plain", ", ".join(["gzip"] * 5), "has 5 content codings, expected 4"),
        (zstd.compress(bytes(40 * MIB), level=22), "zstd", "not zstd: .*memory"),
    ],
)
def test_a_coding_that_cannot_be_undone(body: bytes, coding: str, text: str) -> None:
    with pytest.raises(ContentCodingError, match=text):
        decode(body, coding)
    check_size(body, coding, 1 << 30)
