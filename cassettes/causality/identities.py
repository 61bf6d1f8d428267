"""Parties: whose recorded exchanges belong together.

    framework 1e7f…-0002             a scheduler: all its subscriptions and all its calls
    resource provider 9c1b…
    executor default of framework …
    container cat                    a session: the output of a container, and the input to it
    operator 127.0.0.1 (curl/8.5.0)  everybody else: the same host and the same User-Agent

What a recording does not tell of an operator (hosts, in one written by hand) is equal to nothing
else only if neither is known: then a party is a connection.
"""

from collections.abc import Collection
from typing import Literal

from google.protobuf.message import Message
from msgspec import Struct

from ...proto.http.request import HttpRequest
from ...proto.messages.fields import field_at
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.request_key import CallKey, ParsedRequest

_SESSION = frozenset(
    {"LAUNCH_NESTED_CONTAINER_SESSION", "ATTACH_CONTAINER_OUTPUT", "ATTACH_CONTAINER_INPUT"}
)
_KILLS = frozenset({"KILL_NESTED_CONTAINER", "KILL_CONTAINER"})

type IdentityKind = Literal["framework", "resource provider", "executor", "container", "operator"]

_SUBSCRIBERS: dict[str, IdentityKind] = {
    "scheduler": "framework",
    "resource_provider": "resource provider",
}


class ClientIdentity(Struct, frozen=True):
    """Who made an exchange; `cassette` is its place in the list, for times of two do not compare.

    The name is for people, and with the kind tells parties apart.
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
    what: ParsedRequest,
    subscriber: str | None,
) -> ClientIdentity:
    """Tell who made an exchange.

    `subscriber` is the id of the scheduler or the resource provider, if it was one: its SUBSCRIBE
    may not have it, and the first record of the stream does.
    """
    if isinstance(what.key, CallKey) and what.calls:
        call, api = what.calls[0], what.key.api
        if api in _SUBSCRIBERS and subscriber:
            return ClientIdentity(_SUBSCRIBERS[api], subscriber, cassette)
        if api == "executor":
            executor, framework = (
                field_at(call, "executor_id.value"),
                field_at(call, "framework_id.value"),
            )
            return ClientIdentity("executor", f"{executor} of framework {framework}", cassette)
        if what.key.call_name in _SESSION and (container := _container(what)) is not None:
            return ClientIdentity("container", container, cassette)
    return ClientIdentity("operator", _operator(exchange, request), cassette)


def killed_container(cassette: int, what: ParsedRequest) -> ClientIdentity | None:
    """Tell whose session a call ends by killing the container, whoever made it."""
    if not isinstance(what.key, CallKey) or what.key.call_name not in _KILLS:
        return None
    container = _container(what)
    return None if container is None else ClientIdentity("container", container, cassette)


class ClientIdentities:
    """The parties of a recording, and what they made."""

    def __init__(self) -> None:
        self._known: dict[ClientIdentity, ClientIdentity] = {}
        self._of: dict[ExchangeRef, ClientIdentity] = {}
        self._mutating: list[ExchangeRef] = []

    def add_exchange(
        self, place: ExchangeRef, made_by: ClientIdentity, what: ParsedRequest
    ) -> None:
        """File an exchange."""
        self._of[place] = self._known.setdefault(made_by, made_by)
        if what.is_mutating and (what.call_type is None or what.call_type.name != "SUBSCRIBE"):
            self._mutating.append(place)

    def left_out_calls(self, served: Collection[ExchangeRef]) -> list[ExchangeRef]:
        """Mutating calls that are not among the served ones, though others of their party are."""
        present = {self._of[place] for place in served}
        return [
            place for place in self._mutating if place not in served and self._of[place] in present
        ]


def _container(what: ParsedRequest) -> str | None:
    """Name the container of a call, with those that it is in."""
    assert what.call_type is not None
    found = field_at(what.calls[0], f"{what.call_type.name.lower()}.container_id")
    names: list[str] = []
    while isinstance(found, Message):
        names.append(str(field_at(found, "value")))
        found = field_at(found, "parent")
    return ".".join(reversed(names)) or None


def _operator(exchange: Exchange, request: HttpRequest) -> str:
    host = exchange.peer and exchange.peer.rpartition(":")[0]
    agent = request.header("user-agent")
    if not host and agent is None:
        return f"on connection {exchange.client}"
    return f"{host or 'anywhere'} ({agent or 'no User-Agent'})"
