"""Client identities: which recorded exchanges were made by the same client (the same party).

    framework 1e7f…-0002             a scheduler: all its subscriptions and all its calls
    resource provider 9c1b…
    executor default of framework …
    container cat                    a session: the output of a container, and the input to it
    operator 127.0.0.1 (curl/8.5.0)  all other clients with this host and this User-Agent

If a recording has neither the host nor the User-Agent of an operator, as one written by hand, each
of its connections is an identity.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection
from math import inf
from typing import Literal

from msgspec import Struct

from ...proto.http.request import HttpRequest
from ...proto.messages.fields import field_at
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.recorded_request import RecordedRequests
from ..matching.request_key import CallKey, ParsedRequest
from ..storage.reader import Cassette
from .container_calls import container_call_of

type IdentityKind = Literal["framework", "resource provider", "executor", "container", "operator"]

_SUBSCRIBERS: dict[str, IdentityKind] = {
    "scheduler": "framework",
    "resource_provider": "resource provider",
}

_ENDED_SUBSCRIBERS: dict[tuple[str, str], tuple[IdentityKind, str]] = {
    ("master", "TEARDOWN"): ("framework", "teardown.framework_id.value"),
    ("agent", "MARK_RESOURCE_PROVIDER_GONE"): (
        "resource provider",
        "mark_resource_provider_gone.resource_provider_id.value",
    ),
}
"""Calls of operators that end the stream of a subscriber, whose id is at this path of the call."""


class ClientIdentity(Struct, frozen=True):
    """The client that made an exchange; equal identities are the same client.

    `name` is its id, or its host and User-Agent. `cassette` is the index of the cassette in the
    list: times of two cassettes do not compare, so no identity is in both.
    """

    kind: IdentityKind
    name: str
    cassette: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def identify_client(
    cassette: int,
    exchange: Exchange,
    request: HttpRequest,
    parsed: ParsedRequest,
    subscriber_id: str | None,
) -> ClientIdentity:
    """Return the identity of the client that made an exchange.

    `subscriber_id` is the id of the scheduler or the resource provider, if it is one. A SUBSCRIBE
    may lack it; then it is in the first record of the stream.
    """
    if isinstance(parsed.key, CallKey):
        call, api = parsed.calls[0], parsed.key.api
        if api in _SUBSCRIBERS and subscriber_id:
            return ClientIdentity(_SUBSCRIBERS[api], subscriber_id, cassette)
        if api == "executor":
            executor = field_at(call, "executor_id.value")
            framework = field_at(call, "framework_id.value")
            return ClientIdentity("executor", f"{executor} of framework {framework}", cassette)
    about = container_call_of(parsed)
    if about is not None and about.role in ("output", "input") and about.container_name:
        return ClientIdentity("container", about.container_name, cassette)
    return ClientIdentity("operator", _operator_name(exchange, request), cassette)


def identify_recorded(
    ref: ExchangeRef, cassette: Cassette, requests: RecordedRequests
) -> ClientIdentity:
    """Return the client of an exchange that is read from its cassette, and is no subscription."""
    exchange = cassette.exchange(ref.exchange)
    request, parsed = requests.request(ref, exchange), requests.parsed(ref, exchange)
    return identify_client(ref.cassette, exchange, request.http, parsed, None)


def ended_client(cassette: int, parsed: ParsedRequest) -> ClientIdentity | None:
    """Return the other client whose stream a call ends; None if it ends none.

    A KILL ends a container, a TEARDOWN by an operator a framework (src/master/master.cpp), and
    MARK_RESOURCE_PROVIDER_GONE a resource provider (src/resource_provider/manager.cpp).
    """
    about = container_call_of(parsed)
    if about is not None and about.role == "kill" and about.container_name:
        return ClientIdentity("container", about.container_name, cassette)
    if not isinstance(parsed.key, CallKey):
        return None
    ended = _ENDED_SUBSCRIBERS.get((parsed.key.api, parsed.key.call_name))
    if ended is None or not (subscriber_id := field_at(parsed.calls[0], ended[1])):
        return None
    return ClientIdentity(ended[0], str(subscriber_id), cassette)


class ClientIdentities:
    """The clients of a recording, and the exchanges that each of them made.

    `identify_late` returns the client of an exchange that was not added.
    """

    def __init__(
        self, identify_late: Callable[[ExchangeRef], ClientIdentity] | None = None
    ) -> None:
        self._identify_late = identify_late
        self._late: dict[ExchangeRef, ClientIdentity] = {}
        self._shared: dict[ClientIdentity, ClientIdentity] = {}
        self._refs: list[ExchangeRef] = []
        self._identities: list[ClientIdentity] = []
        self._mutating: list[tuple[ExchangeRef, float]] = []
        self._lost_from_seconds: dict[ClientIdentity, float] = {}

    def add_exchange(
        self, ref: ExchangeRef, at_seconds: float, identity: ClientIdentity, parsed: ParsedRequest
    ) -> None:
        """Add a recorded exchange, made at a time of the recording; they are added in order."""
        self._refs.append(ref)
        self._identities.append(self._shared.setdefault(identity, identity))
        if parsed.is_mutating and (
            parsed.call_type is None or parsed.call_type.name != "SUBSCRIBE"
        ):
            self._mutating.append((ref, at_seconds))

    def begin_stream(self, ref: ExchangeRef) -> None:
        """Record that a client begins a stream, in which no event was lost yet."""
        if self._lost_from_seconds:
            self._lost_from_seconds.pop(self._identity_of(ref), None)

    def record_lost_event(self, ref: ExchangeRef, at_seconds: float) -> None:
        """Record that a fault kept an event of a stream, recorded at that time, from its client."""
        self._lost_from_seconds.setdefault(self._identity_of(ref), at_seconds)

    def _identity_of(self, ref: ExchangeRef) -> ClientIdentity:
        position = bisect_left(self._refs, ref)
        if position < len(self._refs) and self._refs[position] == ref:
            return self._identities[position]
        identity = self._late.get(ref)
        if identity is None:
            assert self._identify_late is not None
            identity = self._late[ref] = self._identify_late(ref)
        return identity

    def left_out_calls(
        self, made: Collection[ExchangeRef], *, after_fault: bool = False
    ) -> list[ExchangeRef]:
        """Return the mutating calls that were not made, of clients of which others were.

        Calls that were recorded after an event that the client could not get are left out for that
        reason: they alone are returned with `after_fault`, and all others without.
        """
        if not self._mutating:
            return []
        present = {self._identity_of(ref) for ref in made}
        return [
            ref
            for ref, at_seconds in self._mutating
            if ref not in made
            and (identity := self._identity_of(ref)) in present
            and (at_seconds > self._lost_from_seconds.get(identity, inf)) == after_fault
        ]


def program_of(exchange: Exchange, request: HttpRequest) -> tuple[str | None, str | None]:
    """Return the host and the User-Agent of a client, which equal programs have in common."""
    host = exchange.peer and exchange.peer.rpartition(":")[0].strip("[]")
    return host or None, request.header("user-agent")


def _operator_name(exchange: Exchange, request: HttpRequest) -> str:
    host, agent = program_of(exchange, request)
    if host is None and agent is None:
        return f"on connection {exchange.client}"
    return f"{host or 'anywhere'} ({agent or 'no User-Agent'})"
