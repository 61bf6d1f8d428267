"""Explanations: why a request has no answer, what came near, and the way out.

The way out names the option that would have the nearest exchange answer, if there is one.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from ...proto.api.apis import ServerKind
from ...proto.http.request import HttpRequest
from ...proto.messages.ids import id_fields, with_blank_ids
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..storage.reader import Cassette
from .ignore_rules import IgnoreRules
from .misses import Difference, Miss, MissReason, NearMiss
from .near_misses import OPAQUE_BODY_DIFFERENCE, NearMissIndex, diff_requests
from .recorded_request import recorded_request
from .request_key import CallKey, ParsedRequest, PlainKey, RequestKey, parse_request
from .shortening import truncate, truncate_around_difference

_NEAREST = 3
_DIFFERENCES = 8
"""How much of what came near a miss shows."""

_IGNORED = 3
_LONGEST = 300
"""Paths that may be proposed to be ignored, and characters of them together; who differs in more
sends something else."""

_TARGET = 200
"""Characters of the target of a request that are shown."""

_NUMBER = re.compile(r"\[[^\]]*\]")
_TEXT = re.compile(r"[^\x00-\x08\x0e-\x1f]*")


class _Compared(Struct, frozen=True):
    """A recorded exchange beside a request."""

    near: NearMiss
    recorded: ParsedRequest

    @property
    def distance(self) -> tuple[int, bool, int]:
        """Few differences first, of equal ones those that were not played, then the earlier."""
        return len(self.near.differences) + self.near.more, self.near.played, self.near.exchange


class MissReporter:
    """Explains what the exchanges of some cassettes do not answer.

    `served` counts how often each was served. `said` says a request in the ids of the recording, as
    far as that is asked for (rebinding/).
    """

    def __init__(
        self,
        cassettes: Sequence[Cassette],
        served: Mapping[ExchangeRef, int],
        ignoring: IgnoreRules,
        said: Callable[[ParsedRequest], ParsedRequest] | None,
    ) -> None:
        self._cassettes = cassettes
        self._served = served
        self._ignoring = ignoring
        self._said = said
        self._index = NearMissIndex()

    def add_exchange(self, key: RequestKey, path: str, place: ExchangeRef) -> None:
        """File an exchange under what it is."""
        self._index.add_exchange(key, path, place)

    def explain(
        self,
        request: HttpRequest,
        reason: MissReason,
        server: ServerKind | None,
        belongs: Callable[[ExchangeRef, HttpRequest], bool],
        cassettes: frozenset[int] | None = None,
    ) -> Miss:
        """Say why there is no answer to a request to a server of a kind, in some cassettes or all.

        `belongs` tells whether an exchange is one of the server that the request is for.
        """
        what = parse_request(request, server, self._ignoring)
        what = what if self._said is None else self._said(what)
        places, same = self._index.candidates(what.key, what.path, self._served, cassettes)
        near = [
            self._compared(place, exchange, recorded, what, request)
            for place in places
            for exchange, recorded in [self._recorded(place)]
            if belongs(place, recorded)
        ]
        near = sorted(near, key=lambda each: each.distance)[:_NEAREST]
        if near and same and reason == "nothing recorded for this call":
            reason = "differs"
        return Miss(
            reason=reason,
            method=request.method.decode("latin-1"),
            path=truncate(request.target.decode("latin-1"), _TARGET),
            what=what.description,
            nearest=tuple(each.near for each in near),
            option=self._option(reason, what, near[0] if near else None),
        )

    def _recorded(self, place: ExchangeRef) -> tuple[Exchange, HttpRequest]:
        cassette = self._cassettes[place.cassette]
        exchange = cassette.exchange(place.exchange)
        return exchange, recorded_request(cassette, exchange)

    def _compared(
        self,
        place: ExchangeRef,
        exchange: Exchange,
        request: HttpRequest,
        received: ParsedRequest,
        sent: HttpRequest,
    ) -> _Compared:
        """Compare an exchange with a request."""
        server = self._cassettes[place.cassette].header.server
        recorded = parse_request(request, server, self._ignoring)
        found = [_in_full(each, request, sent) for each in diff_requests(recorded, received)]
        near = NearMiss(
            exchange=place.exchange,
            what=recorded.description
            or truncate(f"{exchange.request.method} {exchange.request.path}", _TARGET),
            played=place in self._served,
            differences=tuple(found[:_DIFFERENCES]),
            more=max(0, len(found) - _DIFFERENCES),
        )
        return _Compared(near, recorded)

    def _option(
        self, reason: MissReason, what: ParsedRequest, nearest: _Compared | None
    ) -> str | None:
        """Name the option of a replay by which the nearest exchange would answer."""
        call = what.key.call_name if isinstance(what.key, CallKey) else None
        match reason:
            case "already played" if call is not None:
                return f"--repeat {call}=last gives the last answer again."
            case "already played":
                return "--repeat cycle gives the recorded answers again."
            case "differs" if nearest is not None and not (
                nearest.near.played and what.is_mutating
            ):
                return self._comparing(call, what, nearest)
            case _:
                return None

    def _comparing(self, call: str | None, what: ParsedRequest, nearest: _Compared) -> str | None:
        if call is None:
            return _ignoring_query(what.key, nearest.recorded.key)
        if kinds := _kinds_that_differ(nearest.recorded, what):
            ignore = " ".join(f"--ignore {kind}s" for kind in kinds)
            if self._said is None:
                rebind = "--rebind lets ids of this run stand for the recorded ones"
                return f"Only ids differ: {rebind}, {ignore} leaves them out."
            return f"Only ids differ, and they stand for others already; {ignore} leaves them out."
        paths = {_NUMBER.sub("[]", each.path) for each in nearest.near.differences}
        if nearest.near.more or len(paths) > _IGNORED or len(what.calls) > 1:
            return None
        if paths & {"refusal", "type", "body", "Content-Type"}:
            return None
        return _ignoring_all(f"{call}:{path}" for path in sorted(paths))


def _kinds_that_differ(recorded: ParsedRequest, received: ParsedRequest) -> list[str]:
    """The kinds of ids that differ, if nothing else does."""
    if with_blank_ids(recorded.compared_calls) != with_blank_ids(received.compared_calls):
        return []
    pairs = zip(
        (slot for call in recorded.compared_calls for slot in id_fields(call)),
        (slot for call in received.compared_calls for slot in id_fields(call)),
        strict=True,
    )
    return sorted({old.kind for old, new in pairs if old.value != new.value})


def _ignoring_query(received: RequestKey, recorded: RequestKey) -> str | None:
    """How to ignore parameters, if nothing but a few of these differ."""
    match recorded, received:
        case PlainKey(query=old), PlainKey(query=new) if old != new:
            parts = set(old.split("&")) ^ set(new.split("&"))
            names = sorted({part.partition("=")[0] for part in parts if part})
            if 0 < len(names) <= _IGNORED:
                return _ignoring_all(f"query.{name}" for name in names)
        case _:
            pass
    return None


def _ignoring_all(rules: Iterable[str]) -> str | None:
    options = " ".join(f"--ignore {rule}" for rule in rules)
    return f"If what differs does not matter: {options}" if len(options) <= _LONGEST else None


def _in_full(difference: Difference, recorded: HttpRequest, sent: HttpRequest) -> Difference:
    """Show bodies of text, of which the comparison knows no more than that they differ."""
    if difference != OPAQUE_BODY_DIFFERENCE:
        return difference
    try:
        old, new = recorded.body.decode(), sent.body.decode()
    except UnicodeDecodeError:
        return difference
    if old == new or not _TEXT.fullmatch(old + new):
        return difference
    return Difference("body", *truncate_around_difference(repr(old), repr(new)))
