import pytest

from mesotape.proto.http.headers import (
    HeaderMapping,
    header_pairs,
    header_value,
    header_values,
    last_header_values,
)

MAPPING: HeaderMapping = {"Accept": "a", "X-Y": ["1", "2"], "x-y": "3", "Empty": []}
PAIRS = [("Accept", "a"), ("X-Y", "1"), ("X-Y", "2"), ("x-y", "3")]
BYTES = [(name.encode(), value.encode()) for name, value in PAIRS]


def test_a_mapping_becomes_pairs_in_order() -> None:
    assert header_pairs(MAPPING) == PAIRS


@pytest.mark.parametrize("name", ["x-y", "X-Y", "X-y"])
def test_a_header_is_found_in_any_case_and_form(name: str) -> None:
    for headers in (MAPPING, PAIRS, iter(PAIRS)):
        assert header_values(headers, name) == ["1", "2", "3"]
    assert header_value(MAPPING, name) == header_value(PAIRS, name) == "3"
    assert header_values(BYTES, name.encode()) == [b"1", b"2", b"3"]
    assert header_value(BYTES, name.encode()) == b"3"


@pytest.mark.parametrize("name", ["x", "x-y-z", "empty"])
def test_an_absent_header_has_no_value(name: str) -> None:
    assert header_values(MAPPING, name) == []
    assert header_value(MAPPING, name) is None
    assert header_value(BYTES, name.encode()) is None


def test_the_last_values_have_names_in_lower_case() -> None:
    expected = {"accept": "a", "x-y": "3"}
    assert last_header_values(MAPPING) == last_header_values(PAIRS) == expected
    assert last_header_values(BYTES) == {b"accept": b"a", b"x-y": b"3"}
