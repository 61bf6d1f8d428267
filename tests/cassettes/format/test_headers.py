import gzip

import pytest

from mesotape.cassettes.format.headers import decompress_body, group_headers
from mesotape.proto.http.gzip_coding import ContentCodingError
from mesotape.proto.http.headers import header_pairs

HEADERS = {"A": ["1", "3"], "b": "2", "a": "4"}


def test_values_of_a_repeated_name_are_a_list_at_its_first_place() -> None:
    grouped = group_headers([("A", "1"), ("b", "2"), ("A", "3"), ("a", "4")])
    assert grouped == HEADERS
    assert list(grouped) == list(HEADERS)
    assert header_pairs(grouped) == [("A", "1"), ("A", "3"), ("b", "2"), ("a", "4")]


def test_gzip_is_undone_where_the_headers_declare_it() -> None:
    packed = gzip.compress(b"body")
    assert decompress_body(packed, {"CONTENT-ENCODING": ["br", "gzip"]}) == b"body"
    assert decompress_body(packed, {"Content-Encoding": ["gzip", "br"]}) is packed
    assert decompress_body(packed, {}) is packed
    assert decompress_body(b"", {"Content-Encoding": "gzip"}) == b""
    with pytest.raises(ContentCodingError, match="the body is not"):
        decompress_body(b"body", {"Content-Encoding": "gzip"})
