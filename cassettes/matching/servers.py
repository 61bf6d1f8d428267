"""Servers: which of the recorded servers a request is for, where there are several.

One replay may stand for a master and its agents. Their kinds are told apart by what a call means
(matching.py). Servers of one kind show in

    the address that a request came to        if cassettes have addresses of their own
    /slave(2)/api/v1                          if the cassettes have several actors of that kind
    Host: agent2.example:5051                 if they were recorded through a proxy by which
    GET http://agent2.example:5051/state      clients chose the server

A request that shows nothing of that kind, or something that was not recorded, may be for any.
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote

from msgspec import Struct

from ...proto.api import endpoints
from ...proto.api.apis import ServerKind
from ...proto.http.request import HttpRequest
from ..storage.reader import Cassette

_PROXY = re.compile(r"(regular|upstream|socks5|transparent|local|wireguard)\b")
_TARGET = re.compile(r"(?:https?://([^/?#]*))?/*([^/?#]*)", re.IGNORECASE)
_ACTOR = re.compile(r"slave\(\d+\)")


class RecordedServer(Struct, frozen=True):
    """A recorded server: by cassette, authority and actor, as far as they tell it from others."""

    cassette: int
    authority: str | None = None
    actor: str | None = None


class ServerScope(Struct, frozen=True):
    """The recorded servers that a request may be for; None does not restrict."""

    cassettes: frozenset[int] | None = None
    authority: str | None = None
    actor: str | None = None

    def __contains__(self, server: RecordedServer) -> bool:
        return (
            (self.cassettes is None or server.cassette in self.cassettes)
            and (self.authority is None or server.authority == self.authority)
            and (self.actor is None or server.actor == self.actor)
        )


ANY_SERVER = ServerScope()


class RecordedServers:
    """The servers of some cassettes.

    `are_alike` tells that nothing in a request makes a difference.
    """

    def __init__(self, cassettes: Sequence[Cassette]) -> None:
        self._kinds: list[ServerKind | None] = [each.header.server for each in cassettes]
        self._all_kinds: list[ServerKind | None] = list(dict.fromkeys(self._kinds))
        self._proxied = [_is_proxied(each.header.upstream) for each in cassettes]
        self._unnamed = [RecordedServer(number) for number in range(len(cassettes))]
        self._authorities = set[str]()
        self._actors = set[str]()

    @property
    def are_alike(self) -> bool:
        """Whether what a request shows makes no difference."""
        return len(self._authorities) < 2 and len(self._actors) < 2

    def add_recorded(self, cassette: int, request: HttpRequest) -> RecordedServer:
        """File the server of a recorded exchange."""
        server = self.server_of(cassette, request)
        if server.authority is not None:
            self._authorities.add(server.authority)
        if server.actor is not None:
            self._actors.add(server.actor)
        return server

    def server_of(self, cassette: int, request: HttpRequest) -> RecordedServer:
        """The server of a recorded exchange."""
        if not self._proxied[cassette] and b"slave" not in request.target:
            return self._unnamed[cassette]
        authority, actor = _shown(request)
        return RecordedServer(cassette, authority if self._proxied[cassette] else None, actor)

    def scope_of(
        self, request: HttpRequest, cassettes: frozenset[int] | None = None
    ) -> ServerScope:
        """Tell for which servers a request may be that came to the address of some cassettes."""
        if self.are_alike:
            return ANY_SERVER if cassettes is None else ServerScope(cassettes)
        authority, actor = _shown(request)
        return ServerScope(
            cassettes,
            authority if authority in self._authorities and len(self._authorities) > 1 else None,
            actor if actor in self._actors and len(self._actors) > 1 else None,
        )

    def server_kinds(self, scope: ServerScope = ANY_SERVER) -> list[ServerKind | None]:
        """The kinds of the servers, the first cassette's first."""
        chosen = scope.cassettes
        if chosen is None:
            return self._all_kinds
        kinds: dict[ServerKind | None, None] = dict.fromkeys(
            kind for number, kind in enumerate(self._kinds) if number in chosen
        )
        return list(kinds)


def missing_server_warning(cassette: Cassette) -> str | None:
    """What it means that a header does not name the kind of server, if it means anything."""
    if cassette.header.server is not None:
        return None
    for one in cassette.exchange_heads():
        path = one.request.path
        if (
            endpoints.find_api(path, None) is None
            and endpoints.find_api(path, "master") is not None
        ):
            return (
                f"{cassette.path}: the header does not say `server: master` or `server: agent`, "
                f"so calls to /api/v1 are taken for mere bytes, from exchange {one.exchange} on"
            )
    return None


def _is_proxied(upstream: str | None) -> bool:
    """Whether clients chose the server: then a mode of mitmproxy stands for the upstream."""
    return upstream is not None and _PROXY.match(upstream) is not None


def _shown(request: HttpRequest) -> tuple[str | None, str | None]:
    """The authority and the agent that a request names."""
    found = _TARGET.match(request.target.decode("latin-1"))
    named, first = (None, "") if found is None else found.groups()
    authority = named or request.header("host")
    actor = unquote(first)
    return (
        authority.lower() if authority else None,
        actor if _ACTOR.fullmatch(actor) else None,
    )
