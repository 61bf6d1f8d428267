"""Find the API that a request is for.

A path is normalized as libprocess does it (3rdparty/libprocess/src/process.cpp):

    /master/api/v1  /slave(1)/api/v1  /slave%281%29/api/v1     the first segment names an actor,
    /api/v1                                                    or the server's own actor is used
    //api/v1  /api/v1/                                         slashes at the ends do not count
    /api/v1/operator                                           the longest route that fits
    http://host:5050/api/v1?x=1                                host and query do not count

No API has `///api//v1`, `/API/v1`, or a path that contains `/..`.
"""

import re
from functools import lru_cache
from urllib.parse import unquote_plus

from ..http.headers import HeaderPairs, last_header_values
from ..http.redirects import strip_origin
from .apis import APIS, EXECUTOR, RESOURCE_PROVIDER, SCHEDULER, Api, ServerKind

_AGENT_ACTOR = re.compile(r"slave\([0-9]+\)")
_QUERY_OR_FRAGMENT = re.compile(r"[?#]")
_MAX_CACHED_PATH = 256
"""Characters of a path that is worth keeping in the cache."""

_ROUTES: dict[ServerKind | None, dict[str, Api]] = {
    "master": {api.route: api for api in APIS if api.server == "master"},
    "agent": {api.route: api for api in APIS if api.server == "agent"},
    # Both kinds of server have `api/v1`, so without the server kind it is ambiguous.
    None: {api.route: api for api in (SCHEDULER, EXECUTOR, RESOURCE_PROVIDER)},
}


def find_api(path: str, server: ServerKind | None) -> Api | None:
    """Return the API that a request target leads to; None for another endpoint, or none.

    `server` is None if its kind is not known. Then `/api/v1` leads to an API only if the path names
    an actor. A path that names an agent leads to the agent even on a master: both may share a port
    (mesos-local).
    """
    find = _find_api_cached if len(path) <= _MAX_CACHED_PATH else _find_api
    return find(path, server)


def _find_api(path: str, server: ServerKind | None) -> Api | None:
    path = _QUERY_OR_FRAGMENT.split(strip_origin(path), maxsplit=1)[0]
    if not path.startswith("/") or "/.." in path:
        return None
    actor, _, rest = path.lstrip("/").partition("/")
    named_server = _server_of(unquote_plus(actor))
    if named_server == "master" and server == "agent":
        return None
    route = (rest if named_server else path).strip("/")
    fitting = (
        api
        for name, api in _ROUTES[named_server or server].items()
        if route == name or route.startswith(f"{name}/")
    )
    return max(fitting, key=lambda api: len(api.route), default=None)


_find_api_cached = lru_cache(maxsize=1024)(_find_api)


def _server_of(actor: str) -> ServerKind | None:
    if actor == "master":
        return "master"
    return "agent" if _AGENT_ACTOR.fullmatch(actor) else None


def is_actor_message(headers: HeaderPairs) -> bool:
    """Return whether a POST is a message between actors: it shares the port, but is no API call.

    libprocess decides by these headers (3rdparty/libprocess/src/process.cpp).
    """
    values = last_header_values(headers)
    return "libprocess-from" in values or values.get("user-agent", "").startswith("libprocess/")
