"""Find the elements of a list in a JSON file without parsing it, so that they are read one by one.

    {"log": {"creator": {…}, "entries": [{…}, {…}]}}       with ("log", "entries"): two spans

Only brackets and strings are looked at: what is in them is checked when it is parsed.
"""

import re
from collections.abc import Iterator
from mmap import MADV_DONTNEED, PAGESIZE, mmap

from msgspec import Struct

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]', re.DOTALL)
_COLON = re.compile(rb"[ \t\r\n]*:")
_LONGEST_KEY = 64
_RELEASED_BYTES = 1 << 24


class ListSpans(Struct, frozen=True):
    """The places of the elements of a list, which are objects, and the rest of the file."""

    elements: list[tuple[int, int]]
    rest: bytes


def find_list(data: mmap, keys: tuple[str, ...]) -> ListSpans | None:
    """Find the list that nested keys lead to; None if it is not there, or does not end."""
    names = [f'"{key}"'.encode() for key in keys]
    depth, path = 0, [b""] * (len(keys) + 1)
    elements: list[tuple[int, int]] = []
    list_start = element_start = -1
    released = 0
    for token in _TOKEN.finditer(data):
        start, first = token.start(), data[token.start()]
        if first == ord('"'):
            is_key = depth <= len(names) and _COLON.match(data, token.end())
            if is_key and depth and token.end() - start <= _LONGEST_KEY:
                path[depth] = token.group()
        elif first in b"{[":
            depth += 1
            if depth == len(names) + 1 and path[1:] == names and first == ord("["):
                list_start = start
            elif depth == len(names) + 2 and list_start >= 0:
                element_start = start
        else:
            if depth == len(names) + 2 and list_start >= 0:
                elements.append((element_start, token.end()))
                if start - released > _RELEASED_BYTES:
                    released = _release(data, released, start)
            elif depth == len(names) + 1 and list_start >= 0:
                return ListSpans(elements, data[:list_start] + b"[]" + data[token.end() :])
            depth -= 1
    return None


def elements_of(data: mmap, spans: ListSpans) -> Iterator[bytes]:
    """Iterate over the elements."""
    return (read_span(data, *span) for span in spans.elements)


def read_span(data: mmap, start: int, end: int) -> bytes:
    """Return bytes of a file, and leave its position after them."""
    data.seek(start)
    element = data.read(end - start)
    _release(data, start, end)
    return element


def _release(data: mmap, start: int, end: int) -> int:
    """Take whole pages of a mapped file out of the memory of the process; return their end."""
    begin, stop = start // PAGESIZE * PAGESIZE, end // PAGESIZE * PAGESIZE
    if begin < stop:
        data.madvise(MADV_DONTNEED, begin, stop - begin)
    return stop
