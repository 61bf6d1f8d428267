import gzip

import pytest

from mesotape.proto.http.gzip_coding import ContentCodingError, gzip_compress, gzip_decompress

DATA = b"mesos" * 1000
PACKED = gzip_compress(DATA)


def test_a_body_is_compressed_alike_and_restored() -> None:
    assert gzip_compress(DATA) == PACKED
    assert gzip_decompress(PACKED) == gzip.decompress(PACKED) == DATA


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"plain", "the body is not"),
        (PACKED[:-1], "does not end where the gzip data ends"),
        (PACKED + b"x", "does not end where the gzip data ends"),
        (PACKED[:-8] + bytes(8), "the body is not"),
    ],
)
def test_a_broken_body_is_an_error(data: bytes, error: str) -> None:
    with pytest.raises(ContentCodingError, match=error):
        gzip_decompress(data)


def test_a_body_may_not_grow_over_the_limit() -> None:
    assert gzip_decompress(PACKED, max_bytes=len(DATA)) == DATA
    with pytest.raises(ContentCodingError, match="grows over 4999 bytes"):
        gzip_decompress(PACKED, max_bytes=len(DATA) - 1)
