"""Exchanges, events and problems of cassettes as columns, from the rows of the inspection.

A lane is a row of the timeline: the calls of a client that were answered at once, or one stream.
Events may stand before their exchange in a cassette, so they get their exchange at the end.
"""

from collections import defaultdict
from math import nan

from google.protobuf.message import Message
from msgspec import Struct

from ...proto.api import endpoints
from ...proto.api.apis import AGENT, Api, ServerKind
from ...proto.messages import mapping
from ..inspection.rows import Row
from .causes import Causes, is_cause
from .column_set import ColumnSet, TextTable
from .message_blocks import MessageBlocks

_LEVELS = {None: 0, "information": 1, "warning": 2, "malformed": 3}
_MOST_PROBLEMS = 10_000
"""The page lists no more. The others are counted, and marked on the timeline."""

NO_ROW = 0xFFFFFFFF


class Lane(Struct, frozen=True):
    """A row of the timeline; `exchange` is the row of the exchange of its stream."""

    cassette: int
    client: int
    peer: str
    exchange: int | None = None


class TrafficColumns:
    """Collects rows of cassettes, one cassette after the other.

    In the columns, a time is in seconds since the earliest cassette began, NaN if it is not known.
    Texts and messages are numbers, 0 for none, and levels are from 0, no problem, to 3, malformed.
    """

    def __init__(self, texts: TextTable, messages: MessageBlocks) -> None:
        self.exchanges = ColumnSet(
            cassette="H",
            number="d",
            client="d",
            peer="I",
            lane="I",
            at="d",
            response_seconds="d",
            end="d",
            call="I",
            method="I",
            path="I",
            cause="I",
            status="H",
            size="d",
            is_stream="B",
            events="I",
            level="B",
            request="I",
            answer="I",
            served="i",
        )
        self.events = ColumnSet(
            exchange="I", number="d", at="d", type="I", size="d", level="B", side="B", message="I"
        )
        self.problems = ColumnSet(
            at="d", exchange="I", event="I", level="B", code="I", text="I", line="d"
        )
        self.causes = ColumnSet(exchange="I", event="I")
        self.lanes: list[Lane] = []
        self.problem_count = 0
        self.last_seconds = 0.0
        self._texts = texts
        self._messages = messages
        self._found_causes = Causes()
        self._rows: dict[tuple[int, int], int] = {}
        self._begin_cassette(-1, 0.0, None)

    def _begin_cassette(self, cassette: int, offset: float, server: ServerKind | None) -> None:
        self._cassette = cassette
        self._offset = offset
        self._server: ServerKind | None = server
        self._numbers: dict[int, int] = {}
        self._first_event = len(self.events)
        self._first_problem = len(self.problems)

    def begin_cassette(self, offset: float, server: ServerKind | None) -> None:
        """Begin the next cassette, which began `offset` seconds after the earliest one."""
        self._resolve()
        self._begin_cassette(self._cassette + 1, offset, server)

    def add(self, row: Row) -> None:
        """Add a row of the present cassette."""
        event = NO_ROW
        match row.row_type:
            case "exchange":
                self._add_exchange(row)
            case "event" | "skipped":
                event = self._add_event(row)
            case "end":
                self._end_stream(row)
            case _:
                pass
        if row.at is not None:
            ended = self._time(row) + (row.response_seconds or 0.0)
            self.last_seconds = max(self.last_seconds, ended)
        self._add_problems(row, event)

    def row_of(self, cassette: int, number: int) -> int | None:
        """Return the row of an exchange, by the numbers of its cassette, from 0, and its own."""
        return self._rows.get((cassette, number))

    def close(self) -> None:
        """Give events their exchanges, exchanges their lanes, and find the causes of events."""
        self._resolve()
        self._make_lanes()
        for call, event in self._found_causes.pairs():
            self.causes.add(exchange=call, event=event)

    def _time(self, row: Row) -> float:
        return nan if row.at is None else row.at + self._offset

    def _add_exchange(self, row: Row) -> None:
        text = self._texts.number_of
        is_stream = row.text is not None
        api = endpoints.find_api(row.path or "", self._server)
        number = row.exchange or 0
        position = self.exchanges.add(
            cassette=self._cassette,
            number=number,
            client=row.client or 0,
            peer=text(row.peer),
            lane=0,
            at=self._time(row),
            response_seconds=nan if row.response_seconds is None else row.response_seconds,
            end=nan,
            call=text(row.call),
            method=text(row.method),
            path=text(row.path),
            cause=text(row.cause),
            status=max(0, min(row.status or 0, 0xFFFF)),
            size=nan if row.size is None else row.size,
            is_stream=is_stream,
            events=0,
            level=_LEVELS[row.severity],
            request=self._messages.add(row.request_body, row.request_message_name),
            answer=self._messages.add(row.body, row.message_name),
            served=-1,
        )
        self._numbers[number] = self._rows[self._cassette, number] = position
        self._add_call(row, api, position)

    def _add_call(self, row: Row, api: Api | None, position: int) -> None:
        call_type = None if api is None or row.call is None else api.call_types.get(row.call)
        if call_type is None or api is None or not is_cause(call_type, row.status):
            return
        message = _decode(row.request_body, api.call_message)
        if message is not None:
            self._found_causes.add_call(position, self._time(row), message)

    def _add_event(self, row: Row) -> int:
        at = self._time(row)
        skipped = row.skipped
        body = skipped.data if skipped is not None and not row.body else row.body
        untyped = "(no type)" if skipped is None else "(bytes)"
        position = self.events.add(
            exchange=min(row.exchange or 0, NO_ROW),  # Its number, until the cassette is read.
            number=row.number or 0,
            at=at,
            type=self._texts.number_of(row.type or untyped),
            size=row.size or 0,
            level=_LEVELS[row.severity],
            side=row.side == "client",
            message=self._messages.add(body, row.message_name),
        )
        if row.message_name is not None and row.type not in (None, "HEARTBEAT", "OFFERS"):
            name = AGENT.call_message if row.side == "client" else row.message_name
            message = _decode(row.body, name)
            if message is not None:
                self._found_causes.add_event(position, at, message)
        return position

    def _end_stream(self, row: Row) -> None:
        position = self._numbers.get(row.exchange or 0)
        if position is not None and row.side == "server":
            self.exchanges["end"][position] = self._time(row)
            self.exchanges["cause"][position] = self._texts.number_of(row.cause)

    def _add_problems(self, row: Row, event: int) -> None:
        found = [(each.reason, each.text, each.severity) for each in row.diagnostics]
        if row.row_type == "note" and not found and row.at is not None:  # One of the recorder.
            found = [("note", row.text or "", "warning")]
        self.problem_count += len(found)
        for code, text, level in found:
            if len(self.problems) < _MOST_PROBLEMS:
                shown = row.text if row.row_type == "note" and row.text else text
                self.problems.add(
                    at=self._time(row),
                    exchange=min(row.exchange or 0, NO_ROW),
                    event=event,
                    level=_LEVELS[level],
                    code=self._texts.number_of(code),
                    text=self._texts.number_of(shown),
                    line=row.line or 0,
                )

    def _resolve(self) -> None:
        """Replace the numbers of exchanges in the events and problems of a cassette by rows."""
        counts = self.exchanges["events"]
        for columns, first in (
            (self.events["exchange"], self._first_event),
            (self.problems["exchange"], self._first_problem),
        ):
            for position in range(first, len(columns)):
                columns[position] = self._numbers.get(columns[position], NO_ROW)
        for exchange in self.events["exchange"][self._first_event :]:
            if exchange != NO_ROW:
                counts[exchange] += 1

    def _make_lanes(self) -> None:
        """Make the lanes of each client: its calls, then its streams, in the order of time."""
        exchanges, texts = self.exchanges, self._texts.texts()
        calls = dict[tuple[int, int], list[int]]()
        streams = defaultdict[tuple[int, int], list[int]](list)
        order = range(len(exchanges))
        for row in sorted(
            order, key=lambda row: (exchanges["cassette"][row], exchanges["at"][row])
        ):
            client = int(exchanges["cassette"][row]), int(exchanges["client"][row])
            unary = calls.setdefault(client, [])
            (streams[client] if exchanges["is_stream"][row] else unary).append(row)
        for (cassette, client), unary in calls.items():
            own_streams = streams[cassette, client]
            peer = texts[int(exchanges["peer"][(unary or own_streams)[0]])]
            if unary:
                self._add_lane(Lane(cassette, client, peer), unary)
            for row in own_streams:
                self._add_lane(Lane(cassette, client, peer, row), [row])

    def _add_lane(self, lane: Lane, rows: list[int]) -> None:
        for row in rows:
            self.exchanges["lane"][row] = len(self.lanes)
        self.lanes.append(lane)


def _decode(body: bytes, name: str) -> Message | None:
    """Decode a message in either encoding; None if it is none."""
    try:
        return mapping.decode_message(body, name, "json" if body[:1] == b"{" else "protobuf")
    except (ValueError, LookupError, RecursionError):
        return None
