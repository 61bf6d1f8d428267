"""Compare the documents of a cassette with each other: numbers, references, order and times.

The documents of an exchange whose number is there twice are not compared further: which of them
belong together is a question of its own (renumbering.py), and the number alone is the fault.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from ..format.documents import Document, End, Event, Exchange, Note, Side
from .findings import CassetteFinding


class DocumentLines(Struct, frozen=True):
    """The lines of a document: that of its first key, and those of its marks."""

    line: int
    first: int
    last: int

    @property
    def deletion(self) -> str:
        """The advice to delete the document."""
        return f"delete lines {self.first} to {self.last}"


_STREAMS: tuple[tuple[Side, ...], ...] = ((), ("client",), ("server",), ("client", "server"))


class _SeenExchange(Struct):
    at: float
    line: int
    streams: tuple[Side, ...]


class _SeenExchanges:
    """The exchanges that were seen, by their numbers, in columns: 25 bytes for each.

    `starts` are the numbers and times of all exchanges, in the order of the numbers.
    """

    def __init__(self, starts: Iterable[tuple[int, float]]) -> None:
        self._numbers = array("Q")
        self._times = array("d")
        for number, at in starts:
            self._numbers.append(number)
            self._times.append(at)
        self._lines = array("Q", bytes(8 * len(self._numbers)))
        self._streams = bytearray(len(self._numbers))

    def __iter__(self) -> Iterator[tuple[int, _SeenExchange]]:
        for position, line in enumerate(self._lines):
            if line:
                yield self._numbers[position], self._read(position)

    def get(self, number: int) -> _SeenExchange | None:
        """Return what was seen; None if the exchange was not seen."""
        position = bisect_left(self._numbers, number)
        if position == len(self._numbers) or self._numbers[position] != number:
            return None
        return self._read(position) if self._lines[position] else None

    def add(self, exchange: Exchange, line: int) -> None:
        """Add an exchange, the first with its number that is seen."""
        position = bisect_left(self._numbers, exchange.exchange)
        self._times[position] = exchange.at
        self._lines[position] = line
        has_client, has_server = bool(exchange.request.stream), bool(exchange.response.stream)
        self._streams[position] = has_client + 2 * has_server

    def _read(self, position: int) -> _SeenExchange:
        streams = _STREAMS[self._streams[position]]
        return _SeenExchange(self._times[position], self._lines[position], streams)


class _SeenStream(Struct):
    """A stream as far as it was seen: its first line and time, its last event, and its end."""

    lines: DocumentLines
    first_at: float
    last_event: int = 0
    last_at: float = 0.0
    end_line: int | None = None


class StructureCheck:
    """Takes the documents of a cassette in the order of the file.

    `starts` are the numbers and times of all exchanges, in the order of the numbers. `repeated` are
    the numbers of exchanges that are there more than once.
    """

    def __init__(self, starts: Iterable[tuple[int, float]], repeated: Collection[int] = ()) -> None:
        self._repeated = repeated
        self._exchanges = _SeenExchanges(starts)
        self._streams: dict[tuple[int, Side], _SeenStream] = {}
        self._notes: list[tuple[int, DocumentLines]] = []

    def check(self, document: Document, lines: DocumentLines) -> Iterator[CassetteFinding]:
        """Compare a document with those before it."""
        match document:
            case Exchange():
                yield from self._check_exchange(document, lines)
            case Event() if document.of not in self._repeated:
                yield from self._check_event(document, lines)
            case End() if document.end not in self._repeated:
                yield from self._check_end(document, lines)
            case Note(of=int(number)) if self._exchanges.get(number) is None:
                self._notes.append((number, lines))
            case _:
                pass

    def finish(self) -> Iterator[CassetteFinding]:
        """Compare what may stand in the file in any order."""
        yield from self._check_order_of_exchanges()
        yield from self._check_streams()
        for number, lines in self._notes:
            if self._exchanges.get(number) is None:
                text = f"note: there is no exchange {number}"
                yield _finding("unknown-note", lines.line, text, number, lines.deletion)

    def _check_exchange(
        self, exchange: Exchange, lines: DocumentLines
    ) -> Iterator[CassetteFinding]:
        number = exchange.exchange
        earlier = self._exchanges.get(number)
        if earlier is not None:
            text = f"exchange {number}: the number is taken already, on line {earlier.line}"
            yield _finding("number-twice", lines.line, text, number)
            return
        self._exchanges.add(exchange, lines.line)

    def _check_event(self, event: Event, lines: DocumentLines) -> Iterator[CassetteFinding]:
        name = f"event {event.event} of exchange {event.of}"
        stream = self._stream(event.of, event.from_ or "server", lines, event.at)
        last = stream.last_event
        if stream.end_line is not None:
            text = f"{name}: comes after the end of its stream, on line {stream.end_line}"
            yield _finding("after-end", lines.line, text, event.of, lines.deletion)
        if event.event <= last:
            text = f"{name}: comes after event {last}"
            yield _finding("event-order", lines.line, text, event.of, lines.deletion)
        elif event.event != last + 1:
            missing = (
                f"{last + 1}" if event.event == last + 2 else f"{last + 1} to {event.event - 1}"
            )
            text = f"{name}: there is no event {missing}"
            yield _finding("event-gap", lines.line, text, event.of)
        yield from self._check_time(stream, event.at, lines, name, event.of)
        times = [at for _, at in event.chunks or ()]
        if times != sorted(times):
            text = f"{name}: the times of its chunks run backwards"
            yield _finding("time-backwards", lines.line, text, event.of)
        stream.last_event, stream.last_at = event.event, event.at

    def _check_end(self, end: End, lines: DocumentLines) -> Iterator[CassetteFinding]:
        name = f"end of exchange {end.end}"
        stream = self._stream(end.end, end.from_ or "server", lines, end.at)
        if stream.end_line is not None:
            text = f"{name}: its stream has ended already, on line {stream.end_line}"
            yield _finding("end-twice", lines.line, text, end.end, lines.deletion)
            return
        yield from self._check_time(stream, end.at, lines, name, end.end)
        stream.end_line = lines.line

    def _stream(self, number: int, side: Side, lines: DocumentLines, at: float) -> _SeenStream:
        return self._streams.setdefault((number, side), _SeenStream(lines, at))

    def _check_time(
        self, stream: _SeenStream, at: float, lines: DocumentLines, name: str, number: int
    ) -> Iterator[CassetteFinding]:
        if at < stream.last_at:
            earlier = f"event {stream.last_event} (at {_seconds(stream.last_at)})"
            text = f"{name}: at {_seconds(at)} is before {earlier}"
            yield _finding("time-backwards", lines.line, text, number)

    def _check_order_of_exchanges(self) -> Iterator[CassetteFinding]:
        """Check that numbers are in the order in which the requests began."""
        last, last_at = 0, 0.0
        for number, exchange in self._exchanges:
            if exchange.at < last_at and number not in self._repeated:
                earlier = f"exchange {last} (at {_seconds(last_at)})"
                text = f"exchange {number}: at {_seconds(exchange.at)} is before {earlier}"
                yield _finding("exchange-order", exchange.line, text, number)
            last, last_at = number, exchange.at

    def _check_streams(self) -> Iterator[CassetteFinding]:
        """Check that each stream belongs to an exchange, and began after it."""
        for (number, side), stream in self._streams.items():
            line = stream.lines.line
            name = f"stream of exchange {number}" + (" from the client" if side == "client" else "")
            exchange = self._exchanges.get(number)
            if exchange is None:
                code = "unknown-exchange" if side == "server" else "unfinished-request"
                text = f"{name}: there is no exchange {number}"
                yield _finding(code, line, text, number, "delete its events and its end")
            elif side not in exchange.streams:
                part = "request" if side == "client" else "response"
                text = f"{name}: the {part} (line {exchange.line}) is not a stream"
                yield _finding("not-a-stream", line, text, number, "delete its events and its end")
            elif stream.first_at < exchange.at:
                earlier = f"its exchange (at {_seconds(exchange.at)})"
                text = f"{name}: at {_seconds(stream.first_at)} is before {earlier}"
                yield _finding("before-exchange", line, text, number)


def _finding(code: str, line: int, text: str, exchange: int, advice: str = "") -> CassetteFinding:
    return CassetteFinding(code=code, line=line, text=text, exchange=exchange, advice=advice)


def _seconds(at: float) -> str:
    return f"{at:.6f}".rstrip("0").rstrip(".")
