"""Servers: which of several recorded servers a request is for.

One replay may stand for a master and its agents. Servers of different kinds differ in how they
parse a request (request_key.py). Servers of one kind are recognised by

    the address that received the request     if cassettes have addresses of their own
    /slave(2)/api/v1                          if the cassettes have several actors of that kind
    Host: agent2.example:5051                 if they were recorded through a proxy by which
    GET http://agent2.example:5051/state      clients chose the server

A request without any of these, or with one that was not recorded, may be for any server.
"""

import functools
import re
from collections.abc import Sequence
from urllib.parse import unquote

from msgspec import Struct

from ...proto.api.apis import ServerKind
from ...proto.http.address import Address
from ...proto.http.request import HttpRequest
from ..storage.reader import Cassette

_PROXY_MODE = re.compile(r"(regular|upstream|socks5|transparent|local|wireguard)\b")
_TARGET = re.compile(r"(?:(https?)://([^/?#]*))?/*([^/?#]*)", re.IGNORECASE)
_ACTOR = re.compile(r"slave\(\d+\)")


class RecordedServer(Struct, frozen=True):
    """A recorded server: its cassette, and its authority and actor where these can be known.

    `authority` is an address, or a text that is none; `actor` is like `slave(2)`.
    """

    cassette: int
    authority: Address | str | None = None
    actor: str | None = None


class ServerScope(Struct, frozen=True):
    """The recorded servers that a request may be for; None does not restrict."""

    cassettes: frozenset[int] | None = None
    authority: Address | str | None = None
    actor: str | None = None

    def __contains__(self, server: RecordedServer) -> bool:
        return (
            (self.cassettes is None or server.cassette in self.cassettes)
            and (self.authority is None or server.authority == self.authority)
            and (self.actor is None or server.actor == self.actor)
        )


ANY_SERVER = ServerScope()


class RecordedServers:
    """The servers of some cassettes, and which of them a request may be for."""

    def __init__(self, cassettes: Sequence[Cassette]) -> None:
        self._kinds: list[ServerKind | None] = [each.header.server for each in cassettes]
        self._all_kinds: list[ServerKind | None] = list(dict.fromkeys(self._kinds))
        self._used_proxy = [_is_proxied(each.header.upstream) for each in cassettes]
        self._whole_cassettes = [RecordedServer(number) for number in range(len(cassettes))]
        self._authorities = set[Address | str]()
        self._actors = set[str]()

    @property
    def are_alike(self) -> bool:
        """True if nothing in a request tells these servers apart."""
        return len(self._authorities) < 2 and len(self._actors) < 2

    def add_recorded(self, cassette: int, request: HttpRequest) -> RecordedServer:
        """Add the server of a recorded exchange, and return it."""
        server = self.server_of(cassette, request)
        if server.authority is not None:
            self._authorities.add(server.authority)
        if server.actor is not None:
            self._actors.add(server.actor)
        return server

    def server_of(self, cassette: int, request: HttpRequest) -> RecordedServer:
        """Return the server of a recorded exchange."""
        if not self._used_proxy[cassette] and b"slave" not in request.target:
            return self._whole_cassettes[cassette]
        authority, actor = authority_and_actor(request)
        return RecordedServer(cassette, authority if self._used_proxy[cassette] else None, actor)

    def scope_of(
        self, request: HttpRequest, cassettes: frozenset[int] | None = None
    ) -> ServerScope:
        """Return the servers that a request may be for.

        `cassettes` are those that play on the address that received it; None for all.
        """
        if self.are_alike:
            return ANY_SERVER if cassettes is None else ServerScope(cassettes)
        authority, actor = authority_and_actor(request)
        return ServerScope(
            cassettes,
            authority if authority in self._authorities and len(self._authorities) > 1 else None,
            actor if actor in self._actors and len(self._actors) > 1 else None,
        )

    def server_kinds(self, scope: ServerScope = ANY_SERVER) -> list[ServerKind | None]:
        """Return the kinds of the servers in a scope, that of the first cassette first."""
        cassettes = scope.cassettes
        if cassettes is None:
            return self._all_kinds
        kinds: dict[ServerKind | None, None] = dict.fromkeys(
            kind for number, kind in enumerate(self._kinds) if number in cassettes
        )
        return list(kinds)


def _is_proxied(upstream: str | None) -> bool:
    """Return whether clients chose the server: then the upstream is a mode of mitmproxy."""
    return upstream is not None and _PROXY_MODE.match(upstream) is not None


def authority_and_actor(request: HttpRequest) -> tuple[Address | str | None, str | None]:
    """Return the address that a request names, and its actor; None for what it does not name."""
    match = _TARGET.match(request.target.decode("latin-1"))
    scheme, target_authority, first_segment = (None, None, "") if match is None else match.groups()
    authority = target_authority or request.header("host")
    actor = unquote(first_segment)
    return (
        _normal_authority(authority, scheme or "http") if authority else None,
        actor if _ACTOR.fullmatch(actor) else None,
    )


@functools.lru_cache(1024)
def _normal_authority(authority: str, scheme: str) -> Address | str:
    """Return the address, or the text in lower case if it is none."""
    try:
        return Address.parse(authority, scheme.lower())
    except ValueError:
        return authority.lower()
