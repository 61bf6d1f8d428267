"""The journal of requests: client, time, content and outcome of each.

To record a request costs an entry in a queue; its content is parsed when somebody reads the
journal. It holds the latest requests; their number and their size are limited.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ...cassettes.matching.request_key import CallKey, MatchableRequest, ParsedRequest
from ...proto.api.apis import ServerKind
from ...proto.http.request import HttpRequest
from ...proto.messages import mapping
from ...proto.shown_text import quote_start

MAX_ENTRIES = 10_000
"""Requests that are held."""

type CallOutcome = Literal["served", "refused", "missed", "failed"]


class Call(Struct, frozen=True, kw_only=True):
    """A request; `number` counts from 1 on.

    `at` is in seconds since the replay began, `client` is the number of the connection. A call of
    a v1 API has `api`, `type` and `message` (as Mesos writes it in JSON), else they are None.
    `exchange` is the exchange that answered it, if it was served.
    """

    number: int
    at: float
    client: int
    method: str
    path: str
    api: str | None
    type: str | None
    message: dict[str, Any] | None
    outcome: CallOutcome
    exchange: int | None

    def __str__(self) -> str:
        name = self.type or f"{self.method} {self.path}"
        return f"{name} of client {self.client}, {self.outcome}"


class AnsweredCall(Struct, frozen=True):
    """A request that another process has answered with an exchange."""

    at_seconds: float
    client: int
    request: HttpRequest
    exchange: int


class _Entry(Struct):
    number: int
    at_seconds: float
    client: int
    request: HttpRequest
    outcome: CallOutcome
    exchange: int
    call: Call | None = None


class RequestJournal:
    """The requests to a replay that began at `began_seconds`.

    `server_kinds` returns the kinds of the servers that a request may be for. `last_number` is the
    number of the last request, and `on_call` is called after each.
    """

    def __init__(
        self,
        server_kinds: Callable[[], Sequence[ServerKind | None]],
        began_seconds: float,
        *,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self.last_number = 0
        self.on_call: Callable[[], object] | None = None
        self._server_kinds = server_kinds
        self.began_seconds = began_seconds
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._cleared_number = self._merged_number = 0
        self._entries = deque[_Entry]()
        self._size = 0

    def __len__(self) -> int:
        """Count the requests since `clear`, also those that are no longer held."""
        return self.last_number - self._cleared_number

    def record_request(
        self,
        request: HttpRequest,
        client: int,
        now_seconds: float,
        outcome: CallOutcome,
        exchange: int = 0,
    ) -> None:
        """Append a request that is answered now."""
        self.last_number += 1
        self._size += request.size
        self._entries.append(
            _Entry(self.last_number, now_seconds, client, request, outcome, exchange)
        )
        self._drop_oldest()
        if self.on_call is not None:
            self.on_call()

    def merge(self, calls: Sequence[AnsweredCall], count: int) -> None:
        """Add the latest of `count` requests that other processes have answered, by their times.

        Those that were recorded since the last time get new numbers, in the order of all.
        """
        entries = [
            _Entry(0, c.at_seconds, c.client, c.request, "served", c.exchange) for c in calls
        ]
        while self._entries and self._entries[-1].number > self._merged_number:
            entries.append(self._entries.pop())
        entries.sort(key=lambda entry: entry.at_seconds)
        self.last_number += count
        self._size += sum(call.request.size for call in calls)
        for number, entry in enumerate(entries, self.last_number - len(entries) + 1):
            entry.number = number
            self._entries.append(entry)
        self._merged_number = self.last_number
        self._drop_oldest()

    def calls_since(self, number: int) -> list[Call]:
        """Return the requests after the one with this number, as far as they are held."""
        skipped = len(self._entries) - (self.last_number - number)
        entries = self._entries if skipped <= 0 else list(self._entries)[skipped:]
        return [self._call(entry) for entry in entries]

    def clear(self) -> None:
        """Remove all requests; the numbers of new ones continue."""
        self._cleared_number = self.last_number
        self._entries.clear()
        self._size = 0

    def _drop_oldest(self) -> None:
        while len(self._entries) > self._max_entries or self._size > self._max_bytes:
            self._size -= self._entries.popleft().request.size

    def _call(self, entry: _Entry) -> Call:
        if entry.call is None:
            entry.call = self._parse(entry)
        return entry.call

    def _parse(self, entry: _Entry) -> Call:
        request = entry.request
        parsed = MatchableRequest(request).parsed_as_call(self._server_kinds())
        key = parsed.key if isinstance(parsed.key, CallKey) else None
        return Call(
            number=entry.number,
            at=round(entry.at_seconds - self.began_seconds, 6),
            client=entry.client,
            method=request.method.decode("latin-1"),
            path=request.target.decode("latin-1"),
            api=None if key is None else key.api,
            type=None if key is None else key.call_name,
            message=None if key is None or not parsed.calls else _message(parsed),
            outcome=entry.outcome,
            exchange=entry.exchange or None,
        )


def summarize_calls(calls: Sequence[Call]) -> str:
    """Format calls as a list of types: `SUBSCRIBE, DECLINE x3`, or `nothing`."""
    counts = Counter(call.type or quote_start(f"{call.method} {call.path}") for call in calls)
    names = [name if count == 1 else f"{name} x{count}" for name, count in counts.items()]
    return ", ".join(names) or "nothing"


def _message(parsed: ParsedRequest) -> dict[str, Any]:
    """Return the message as a dict; for a streamed request, its first record."""
    return msgspec.json.decode(mapping.encode(parsed.calls[0], include_defaults=False))
