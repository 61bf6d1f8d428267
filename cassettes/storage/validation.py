"""All that is wrong with a cassette, at once: `mesotape validate`.

Reading finds what is no document. Here the documents are held against each other, and bodies are
made into bytes:

    master.yaml:41: event 4 of exchange 2: at 0.5 is before event 3 (at 0.9)
"""

from pathlib import Path

from msgspec import Struct

from ...proto.api import calls, endpoints
from ..format.bodies import BodyError, encode_body
from ..format.documents import (
    Body,
    CassetteError,
    Document,
    End,
    Event,
    Exchange,
    Header,
    Note,
    Side,
)
from .reader import Cassette


def validate_cassette(path: Path | str) -> list[str]:
    """List everything that is wrong, as `file:line: what`; nothing if the cassette is sound."""
    try:
        cassette = Cassette.open(path, lenient=True)
    except CassetteError as error:
        return [str(error)]
    with cassette:
        return [*cassette.warnings, *_Check(cassette).problems()]


class _Begun(Struct):
    """What was seen of an exchange."""

    at: float
    line: int
    streams: list[Side]
    call: str | None
    record: str | None


class _Seen(Struct):
    """What was seen of a stream so far."""

    line: int
    began: float
    number: int = 0
    at: float = 0.0
    ended: bool = False


class _Check:
    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette
        self._found: list[tuple[int, str]] = []
        self._exchanges: dict[int, _Begun] = {}
        self._streams: dict[tuple[int, Side], _Seen] = {}
        self._noted: list[tuple[int, int]] = []

    def problems(self) -> list[str]:
        """Look at everything, in the order of the file."""
        for count, (told, line) in enumerate(self._cassette.documents_or_errors()):
            if isinstance(told, CassetteError):
                self._found.append((line, str(told)))
            else:
                self._take(told, line, first=count == 0)
        self._order_exchanges()
        self._place_streams()
        self._decode_records()
        return [text for _, text in sorted(self._found, key=lambda found: found[0])]

    def _take(self, told: Document, line: int, *, first: bool) -> None:
        match told:
            case Header():
                if not first:
                    self._add(line, "found a second header: two cassettes in one file")
            case Exchange():
                self._exchange(told, line)
            case Event():
                self._event(told, line)
            case End():
                self._end(told, line)
            case Note():
                if told.of is not None:
                    self._noted.append((told.of, line))

    def _exchange(self, told: Exchange, line: int) -> None:
        place = f"exchange {told.exchange}"
        if told.exchange in self._exchanges:
            earlier = self._exchanges[told.exchange].line
            self._add(line, f"{place}: the number is taken already, on line {earlier}")
            return
        api = endpoints.find_api(told.request.path, self._cassette.header.server)
        call = None if api is None else api.call_message
        data = self._body(told.request, call, line, f"{place}: request")
        sort = told.request.headers.get("Content-Type")
        kind = None
        if api is not None and isinstance(sort, str):
            kind = calls.identify_call_type(data, sort, api)
        record = None if kind is None else kind.record_message
        self._body(
            told.response,
            None if kind is None else kind.response_message,
            line,
            f"{place}: response",
        )
        streams: list[Side] = ["client"] if told.request.stream else []
        if told.response.stream:
            streams.append("server")
        self._exchanges[told.exchange] = _Begun(told.at, line, streams, call, record)

    def _event(self, told: Event, line: int) -> None:
        side = told.from_ or "server"
        place = f"event {told.event} of exchange {told.of}"
        seen = self._streams.setdefault((told.of, side), _Seen(line, told.at))
        if seen.ended:
            self._add(line, f"{place}: stands behind the end of its stream")
        if told.event <= seen.number:
            self._add(line, f"{place}: stands behind event {seen.number}")
        if told.at < seen.at:
            earlier = f"event {seen.number} (at {_seconds(seen.at)})"
            self._add(line, f"{place}: at {_seconds(told.at)} is before {earlier}")
        seen.number, seen.at = told.event, told.at
        if told.proto is None:
            self._body(told, None, line, place)

    def _end(self, told: End, line: int) -> None:
        side = told.from_ or "server"
        seen = self._streams.setdefault((told.end, side), _Seen(line, told.at))
        if seen.ended:
            self._add(line, f"end of exchange {told.end}: its stream has ended already")
        if told.at < seen.at:
            earlier = f"event {seen.number} (at {_seconds(seen.at)})"
            self._add(
                line, f"end of exchange {told.end}: at {_seconds(told.at)} is before {earlier}"
            )
        seen.ended = True

    def _order_exchanges(self) -> None:
        """Numbers are in the order in which requests began."""
        last, last_at = 0, 0.0
        for number, begun in sorted(self._exchanges.items()):
            if begun.at < last_at:
                earlier = f"exchange {last} (at {_seconds(last_at)})"
                text = f"exchange {number}: at {_seconds(begun.at)} is before {earlier}"
                self._add(begun.line, text)
            last, last_at = number, begun.at

    def _place_streams(self) -> None:
        for (number, side), seen in self._streams.items():
            what = f"stream of exchange {number}" + (" from the client" if side == "client" else "")
            begun = self._exchanges.get(number)
            if begun is None:
                self._add(seen.line, f"{what}: there is no exchange {number}")
            elif side not in begun.streams:
                part = "request" if side == "client" else "response"
                self._add(seen.line, f"{what}: the {part} (line {begun.line}) is no stream")
            elif seen.began < begun.at:
                text = f"at {_seconds(seen.began)} is before its exchange (at {_seconds(begun.at)})"
                self._add(seen.line, f"{what}: {text}")
        for number, line in self._noted:
            if number not in self._exchanges:
                self._add(line, f"note: there is no exchange {number}")

    def _decode_records(self) -> None:
        """Decode protobuf records last: their exchange, which tells the type, may stand behind."""
        for told, line in self._cassette.documents_or_errors():
            if isinstance(told, Event) and told.proto is not None:
                begun = self._exchanges.get(told.of)
                if begun is not None:
                    name = begun.record if told.from_ is None else begun.call
                    self._body(told, name, line, f"event {told.event} of exchange {told.of}")

    def _body(self, told: Body, message: str | None, line: int, place: str) -> bytes:
        try:
            return encode_body(told, message)
        except BodyError as error:
            self._add(line, f"{place}: {error}")
            return b""

    def _add(self, line: int, text: str) -> None:
        self._found.append((line, f"{self._cassette.path}:{line}: {text}"))


def _seconds(at: float) -> str:
    return f"{at:.6f}".rstrip("0").rstrip(".")
