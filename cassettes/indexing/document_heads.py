"""The heads of documents in the writer's layout: all of them that the index needs.

The head of an event, exchange or end has its number, its stream or client, and its time. A run of
such documents is read into columns, by the compiled module where there is one: 0.3 instead of 4 µs
a document. The Python code is the reference, and does the same.
"""

import re
from array import array
from collections.abc import Sequence
from itertools import accumulate, compress, count, pairwise
from operator import add
from typing import NamedTuple

from ..format.fast_reader import EVENT_HEAD_PATTERN, EXCHANGE_HEAD_PATTERN
from ..format.scalars import NUMBER_PATTERN, SECONDS_PATTERN
from .compiled import native

NO_DOCUMENT = 0xFFFFFFFF
"""In columns of numbers of documents: there is none."""

_START, _END = b"---", b"\n..."
_MARK_PATTERN = r"---\n"
_HEAD = re.compile(
    (
        rf"\n(?:{EVENT_HEAD_PATTERN.removeprefix(_MARK_PATTERN)}|"
        rf"{EXCHANGE_HEAD_PATTERN.removeprefix(_MARK_PATTERN)}|"
        rf"end: ({NUMBER_PATTERN})\nat: ({SECONDS_PATTERN})\n(from: client\n)?cause: )"
    ).encode()
)


class StreamHeads(NamedTuple):
    """The events of one side of an exchange in some documents: the first and the last of them.

    `is_regular` is whether the numbers of all have no gap and their times are in order.
    """

    of: int
    is_client: bool
    first: int
    last: int
    first_number: int
    last_number: int
    first_at: float
    last_at: float
    is_regular: bool


class EndHead(NamedTuple):
    """The end of one side of an exchange."""

    of: int
    is_client: bool
    document: int
    at: float


class DocumentHeads(NamedTuple):
    """The heads of some documents, each of which is an event, an exchange or an end.

    Columns are packed as in an `array`: the offsets of all documents and for events the next one of
    the stream (NO_DOCUMENT without one), then document, number and time of each exchange.
    `latest_at` and `last_client` are the largest, or 0.
    """

    starts: bytes
    next_in_stream: bytes
    streams: list[StreamHeads]
    exchange_documents: bytes
    exchange_numbers: bytes
    exchange_times: bytes
    latest_at: float
    last_client: int
    ends: list[EndHead]


def read_heads(start: int, first_document: int, text: bytes) -> DocumentHeads | None:
    """Read the heads of whole documents, of which the first has an offset and a number.

    None if one of them is not in the writer's layout, at its begin and its end. An event needs one
    look more: the expression takes `from: client` where the writer puts it, so there must be no
    other line that begins with `from:`.
    """
    if native is not None:
        heads = native.read_heads(start, first_document, text)
        return None if heads is None else _named(*heads)
    return read_heads_in_python(start, first_document, text)


def _named(
    starts: bytes,
    next_in_stream: bytes,
    streams: list[tuple[int, bool, int, int, int, int, float, float, bool]],
    documents: bytes,
    numbers: bytes,
    times: bytes,
    latest_at: float,
    last_client: int,
    ends: list[tuple[int, bool, int, float]],
) -> DocumentHeads:
    return DocumentHeads(
        starts,
        next_in_stream,
        [StreamHeads(*each) for each in streams],
        documents,
        numbers,
        times,
        latest_at,
        last_client,
        [EndHead(*each) for each in ends],
    )


def read_heads_in_python(start: int, first_document: int, text: bytes) -> DocumentHeads | None:
    """Do the same without the compiled module."""
    if not text.startswith(_START) or not text.endswith(b"\n"):
        return None
    documents = text[len(_START) : -1].split(b"\n" + _START)
    fields = [match.groups() for match in map(_HEAD.match, documents) if match]
    if len(fields) < len(documents) or not all(each.endswith(_END) for each in documents):
        return None
    lengths = map(len, documents)
    starts = map(add, accumulate(lengths, initial=start), count(0, len(_START) + 1))
    heads = _heads(list(starts)[:-1], first_document, fields)
    columns = list(zip(*fields, strict=True))
    sides = sum(side is not None for column in (columns[3], columns[9]) for side in column)
    return heads if text.count(b"\nfrom:") == sides else None


def read_head(start: int, document: int, text: bytes) -> DocumentHeads | None:
    """Read the head of one document, of which `text` may be the beginning and the end."""
    match = _HEAD.match(text, len(_START))
    if match is None:
        return None
    is_event, side = match[1], match[4]
    if is_event and not (text.endswith(_END + b"\n") and (side or b"\nfrom:" not in text)):
        return None
    return _heads([start], document, [match.groups()])


type _Column = tuple[bytes | None, ...]


def _heads(
    starts: list[int], first_document: int, fields: list[tuple[bytes | None, ...]]
) -> DocumentHeads:
    columns: list[_Column] = list(zip(*fields, strict=True))
    numbers, ofs, times, sides, exchanges, began, clients, ends, ended, end_sides = columns
    places = range(first_document, first_document + len(starts))
    next_in_stream = array("I", [NO_DOCUMENT]) * len(starts)
    streams = _streams(places, numbers, ofs, times, sides, next_in_stream)
    return DocumentHeads(
        array("Q", starts).tobytes(),
        next_in_stream.tobytes(),
        streams,
        array("I", compress(places, exchanges)).tobytes(),
        array("Q", map(int, filter(None, exchanges))).tobytes(),
        array("d", map(float, filter(None, began))).tobytes(),
        max(map(float, filter(None, [*times, *began, *ended])), default=0.0),
        max(map(int, filter(None, clients)), default=0),
        [
            EndHead(int(of), side is not None, place, float(at))
            for place, of, at, side in zip(places, ends, ended, end_sides, strict=True)
            if of and at
        ],
    )


def _streams(
    places: range,
    numbers: _Column,
    ofs: _Column,
    times: _Column,
    sides: _Column,
    next_in_stream: "array[int]",
) -> list[StreamHeads]:
    """Return the streams in the order of their first events, and link the events of each."""
    by_stream: dict[tuple[bytes, bool], list[int]] = {}
    for row, of in enumerate(ofs):
        if of:
            by_stream.setdefault((of, sides[row] is not None), []).append(row)
    for rows in by_stream.values():
        for row, following in pairwise(rows):
            next_in_stream[row] = places[following]
    return [
        _stream(
            int(of),
            is_client,
            [places[row] for row in rows],
            [int(numbers[row] or 0) for row in rows],
            [float(times[row] or 0) for row in rows],
        )
        for (of, is_client), rows in by_stream.items()
    ]


def _stream(
    of: int,
    is_client: bool,
    documents: Sequence[int],
    numbers: Sequence[int],
    times: Sequence[float],
) -> StreamHeads:
    first, last = numbers[0], numbers[-1]
    is_regular = numbers == list(range(first, first + len(numbers))) and times == sorted(times)
    return StreamHeads(
        of, is_client, documents[0], documents[-1], first, last, times[0], times[-1], is_regular
    )
