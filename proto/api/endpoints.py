"""Which API a request is for.

A path is folded as libprocess does (3rdparty/libprocess/src/process.cpp):

    /master/api/v1  /slave(1)/api/v1  /slave%281%29/api/v1     the first segment names an actor
    /api/v1                                                    or else the server's own is meant
    //api/v1  /api/v1/                                         slashes at the ends do not count
    /api/v1/operator                                           the longest route that fits
    http://host:5050/api/v1?x=1                                host and query do not count

and `///api//v1`, `/API/v1` and everything with `/..` in it lead nowhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .apis import (
    APIS,
    EXECUTOR,
    RESOURCE_PROVIDER,
    SCHEDULER,
    Api,
    ServerKind,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_AGENT_ACTOR = re.compile(r"slave\([0-9]+\)")
_LAST_SEGMENT = re.compile(r"/*[^/]*$")

_ROUTES: dict[ServerKind | None, dict[str, Api]] = {
    "master": {api.route: api for api in APIS if api.server == "master"},
    "agent": {api.route: api for api in APIS if api.server == "agent"},
    # Both kinds of server have `api/v1`: without knowing the server it is nobody's.
    None: {api.route: api for api in (SCHEDULER, EXECUTOR, RESOURCE_PROVIDER)},
}


@lru_cache(maxsize=1024)
def find_api(path: str, server: ServerKind | None) -> Api | None:
    """Find the API that a request target leads to; None if it is another endpoint, or none.

    `server` is None if its kind is not known. Then `/api/v1` leads nowhere unless an actor is
    named. A path that names an agent is the agent's even on a master, for both may share a port
    (mesos-local).
    """
    path = re.split(r"[?#]", _HOST.sub("", path, count=1), maxsplit=1)[0]
    if not path.startswith("/") or "/.." in path:
        return None
    actor, _, rest = path.lstrip("/").partition("/")
    named = _server_of(unquote_plus(actor))
    if named == "master" and server == "agent":
        return None
    routes = _ROUTES[named or server]
    route = (rest if named else path).strip("/")
    while route:
        if route in routes:
            return routes[route]
        route = _LAST_SEGMENT.sub("", route)
    return None


def _server_of(actor: str) -> ServerKind | None:
    if actor == "master":
        return "master"
    return "agent" if _AGENT_ACTOR.fullmatch(actor) else None


def is_actor_message(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a POST is a message between actors, which shares the port and is no API call."""
    for name, value in headers:
        match name.lower():
            case "libprocess-from":
                return True
            case "user-agent" if value.startswith("libprocess/"):
                return True
            case _:
                pass
    return False
