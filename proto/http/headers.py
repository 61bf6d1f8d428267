"""Header fields, looked up by name (RFC 9110, section 5).

Headers have one of three forms:

    [("Accept", "*/*"), ("X", "1"), ("X", "2")]          pairs of str
    [(b"Accept", b"*/*"), (b"X", b"1"), (b"X", b"2")]    pairs of bytes, as HTTP/1 parsers make them
    {"Accept": "*/*", "X": ["1", "2"]}                   a mapping, as cassettes hold them

Names are case-insensitive. If a field is repeated, libprocess uses its last value
(3rdparty/libprocess/src/decoder.hpp); so do `header_value` and `last_header_values`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast, overload

type HeaderPairs = Iterable[tuple[str, str]]
type HeaderMapping = Mapping[str, str | list[str]]
type HeadersByName = Mapping[str, str]
"""The last value of each header, by its name in lower case."""


def header_pairs(headers: HeaderMapping) -> list[tuple[str, str]]:
    """Return the pairs of a mapping, in order; all values of a repeated name at its first place."""
    return [
        (name, value)
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]


@overload
def header_values(headers: HeaderMapping | HeaderPairs, name: str) -> list[str]: ...
@overload
def header_values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]: ...
def header_values(headers: Any, name: Any) -> list[Any]:
    """Return all values of a header, in order; the first one is `header_values(…)[0]`."""
    name = name.lower()
    if isinstance(headers, dict):  # Nearly always; without all the pairs it takes half the time.
        fields = cast("dict[str, str | list[str]]", headers)
        found = [values for spelling, values in fields.items() if spelling.lower() == name]
        return [
            value for values in found for value in ([values] if isinstance(values, str) else values)
        ]
    return [value for spelling, value in _pairs(headers) if spelling.lower() == name]


@overload
def header_value(headers: HeaderMapping | HeaderPairs, name: str) -> str | None: ...
@overload
def header_value(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None: ...
def header_value(headers: Any, name: Any) -> Any:
    """Return the last value of a header, or None if it is absent."""
    values = cast("list[Any]", header_values(headers, name))
    return values[-1] if values else None


@overload
def last_header_values(headers: HeaderMapping | HeaderPairs) -> dict[str, str]: ...
@overload
def last_header_values(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]: ...
def last_header_values(headers: Any) -> dict[Any, Any]:
    """Return the last value of each header, by its name in lower case.

    This is the fast form if several headers of the same message are looked up.
    """
    return {name.lower(): value for name, value in _pairs(headers)}


def _pairs(headers: Any) -> Iterable[tuple[Any, Any]]:
    pairs: Any = headers
    # Each request passes here, with a tuple; the check for an abstract class is slow.
    if isinstance(headers, (tuple, list)) or not isinstance(headers, Mapping):
        return pairs
    return header_pairs(pairs)
