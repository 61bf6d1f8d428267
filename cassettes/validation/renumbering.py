"""Numbers for the documents of a cassette that has some twice, out of order or missing.

A merge of two recordings that began as one keeps the common beginning, then what one side appended,
then what the other side appended. Both sides number on from the beginning, so numbers of exchanges
and of connections are there twice. Where a number comes again, another part of the file begins; a
record belongs to the exchange of its number in its own part or, if there is none, in the part
before. All exchanges are numbered anew in the order of time, each with the lowest number that is
free; so what was in order keeps its number.
"""

from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct, structs

from ..format.documents import Document, End, Event, Exchange, Note, Side
from ..storage.reader import Cassette


class _Part(Struct):
    """A part of the file without repeated numbers: the new numbers of its exchanges by the old."""

    numbers: dict[int, int]
    clients: dict[int, int]


class _Position(Struct):
    """An exchange: its document, its part of the file, and what its place is derived from."""

    document: int
    part: int
    number: int
    client: int
    at: float


class Renumbering:
    """The new numbers of all documents.

    `change(document, number)` returns a document, which has that number in the file, as it should
    be, None if it is to be removed. The documents are given in the order of the file.
    """

    def __init__(self, cassette: Cassette) -> None:
        positions = list(_exchange_positions(cassette))
        last_part = positions[-1].part if positions else 0
        self._parts = [_Part({}, {}) for _ in range(last_part + 1)]
        self._part_starts = {
            position.document: position.part
            for before, position in pairwise(positions)
            if before.part != position.part
        }
        self._number_exchanges(positions)
        self._number_clients(positions, min(cassette.repeated_exchanges, default=0))
        self._current = 0
        self._irregular = set(_streams_to_number(cassette, self))
        self._current = 0
        self._counts: dict[tuple[int, Side], int] = {}
        self._ends: dict[tuple[int, Side], End] = {}

    def change(self, document: Document, number: int) -> Document | None:
        """Return a document with its new numbers; None for the second of two equal ends."""
        document = self.renumber(document, number)
        match document:
            case Event():
                stream = (document.of, document.from_ or "server")
                self._counts[stream] = count = self._counts.get(stream, 0) + 1
                if stream in self._irregular:
                    return structs.replace(document, event=count)
            case End():
                stream = (document.end, document.from_ or "server")
                if self._ends.setdefault(stream, document) is not document:
                    return None if self._ends[stream] == document else document
            case _:
                pass
        return document

    def renumber(self, document: Document, number: int) -> Document:
        """Return a document with the new numbers of its exchange and its connection."""
        self._current = self._part_starts.get(number, self._current)
        match document:
            case Exchange():
                part = self._parts[self._current]
                client = part.clients.get(document.client, document.client)
                new = part.numbers[document.exchange]
                return structs.replace(document, exchange=new, client=client)
            case Event():
                return structs.replace(document, of=self._owner(document.of))
            case End():
                return structs.replace(document, end=self._owner(document.end))
            case Note(of=int(of)):
                return structs.replace(document, of=self._owner(of))
            case _:
                return document

    def _owner(self, number: int) -> int:
        for part in reversed(self._parts[: self._current + 1]):
            if number in part.numbers:
                return part.numbers[number]
        return self._parts[-1].numbers.get(number, number)

    def _number_exchanges(self, positions: list[_Position]) -> None:
        free = 0
        old = sorted(position.number for position in positions)
        in_time = sorted(positions, key=lambda each: (each.at, each.number, each.part))
        for position, number in zip(in_time, old, strict=True):
            free = max(free + 1, number)
            self._parts[position.part].numbers[position.number] = free

    def _number_clients(self, positions: list[_Position], first_repeated: int) -> None:
        """Give the connections of later parts numbers of their own, except common ones."""
        common = {each.client for each in positions if each.number < first_repeated}
        taken: dict[int, int] = {}
        free = max((each.client for each in positions), default=0)
        for each in positions:
            clients = self._parts[each.part].clients
            if each.client in common or each.client in clients:
                continue
            if taken.setdefault(each.client, each.part) == each.part:
                clients[each.client] = each.client
            else:
                free += 1
                clients[each.client] = free


def _exchange_positions(cassette: Cassette) -> Iterator[_Position]:
    part = 0
    seen: set[int] = set()
    for source in cassette.sources():
        document, _ = cassette.read_source(source)
        if isinstance(document, Exchange):
            number = document.exchange
            if number in seen:
                part += 1
                seen.clear()
            seen.add(number)
            yield _Position(source.number, part, number, document.client, document.at)


def _streams_to_number(cassette: Cassette, numbers: Renumbering) -> Iterator[tuple[int, Side]]:
    """Return the streams whose events have not the numbers from 1 on, but are in order of time."""
    last: dict[tuple[int, Side], tuple[int, float]] = {}
    wrong, backwards = set[tuple[int, Side]](), set[tuple[int, Side]]()
    for source in cassette.sources():
        document = numbers.renumber(cassette.read_source(source)[0], source.number)
        if not isinstance(document, Event):
            continue
        stream = (document.of, document.from_ or "server")
        event, at = last.get(stream, (0, 0.0))
        if document.event != event + 1:
            wrong.add(stream)
        if document.at < at:
            backwards.add(stream)
        last[stream] = document.event, document.at
    yield from wrong - backwards
