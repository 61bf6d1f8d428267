"""The journal of requests: who asked what, when, and what came of it.

Taking one down costs a line in a list; what it says is read when somebody asks. The latest are
kept, as many as `KEPT` and as fit into `KEPT_BYTES`.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from ...cassettes.matching.request_key import CallKey, MatchableRequest, ParsedRequest
from ...proto.api.apis import ServerKind
from ...proto.http.request import HttpRequest
from ...proto.messages import json_writer

KEPT = 10_000
KEPT_BYTES = 64 * 1024 * 1024

type CallOutcome = Literal["served", "refused", "missed", "failed"]


class Call(Struct, frozen=True, kw_only=True):
    """A request, by its number from 1 on.

    `at` is in seconds since the replay began, `client` numbers the connection. `api`, `type` and
    `message` (as Mesos writes it in JSON) are of a call of a v1 API, else None. `exchange` is what
    answered it, if it was served.
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
        said = self.type or f"{self.method} {self.path}"
        return f"{said} of client {self.client}, {self.outcome}"


class _Entry(Struct):
    number: int
    at_seconds: float
    client: int
    request: HttpRequest
    outcome: CallOutcome
    exchange: int
    call: Call | None = None


class RequestJournal:
    """The requests to servers of these kinds. `on_call` is called after each.

    `count` is the number of the last one.
    """

    def __init__(
        self, servers: Callable[[], Sequence[ServerKind | None]], began_seconds: float
    ) -> None:
        self.last_number = 0
        self._forgotten = 0
        self.on_call: Callable[[], object] | None = None
        self._servers = servers
        self._began_seconds = began_seconds
        self._entries = deque[_Entry]()
        self._size = 0

    def __len__(self) -> int:
        """Count them, also those that are not kept any more."""
        return self.last_number - self._forgotten

    def record_request(
        self,
        request: HttpRequest,
        client: int,
        now_seconds: float,
        outcome: CallOutcome,
        exchange: int = 0,
    ) -> None:
        """Take down a request that was answered now."""
        self.last_number += 1
        self._size += request.size
        self._entries.append(
            _Entry(self.last_number, now_seconds, client, request, outcome, exchange)
        )
        while len(self._entries) > KEPT or self._size > KEPT_BYTES:
            self._size -= self._entries.popleft().request.size
        if self.on_call is not None:
            self.on_call()

    def calls_since(self, number: int) -> list[Call]:
        """Give the calls after this number, those that are kept."""
        missing = len(self._entries) - (self.last_number - number)
        entries = self._entries if missing <= 0 else list(self._entries)[missing:]
        return [self._read(entry) for entry in entries]

    def clear(self) -> None:
        """Forget all; numbers go on."""
        self._forgotten = self.last_number
        self._entries.clear()
        self._size = 0

    def _read(self, entry: _Entry) -> Call:
        if entry.call is None:
            entry.call = self._told(entry)
        return entry.call

    def _told(self, entry: _Entry) -> Call:
        request = entry.request
        what = MatchableRequest(request).parsed_as_call(self._servers())
        key = what.key if isinstance(what.key, CallKey) else None
        return Call(
            number=entry.number,
            at=round(entry.at_seconds - self._began_seconds, 6),
            client=entry.client,
            method=request.method.decode("latin-1"),
            path=request.target.decode("latin-1"),
            api=None if key is None else key.api,
            type=None if key is None else key.call_name,
            message=None if key is None or not what.calls else _plain(what),
            outcome=entry.outcome,
            exchange=entry.exchange or None,
        )


def summarize_calls(calls: Sequence[Call]) -> str:
    """Say what came, for people: `SUBSCRIBE, DECLINE x3`."""
    counted = Counter(call.type or f"{call.method} {call.path}" for call in calls)
    told = [name if count == 1 else f"{name} x{count}" for name, count in counted.items()]
    return ", ".join(told) or "nothing"


def _plain(what: ParsedRequest) -> dict[str, Any]:
    """The message as a dict; of a streamed request, its first record."""
    return msgspec.json.decode(json_writer.encode(what.calls[0], include_defaults=False))
