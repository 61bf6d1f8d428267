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
_LAST_SEGMENT = re.compile(r"/*[^/]*$")

_ROUTES: dict[ServerKind | None, dict[str, Api]] = {
    "master": {api.route: api for api in APIS if api.server == "master"},
    "agent": {api.route: api for api in APIS if api.server == "agent"},
    # Both kinds of server have `api/v1`, so without the server kind it is ambiguous.
    None: {api.route: api for api in (SCHEDULER, EXECUTOR, RESOURCE_PROVIDER)},
}


@lru_cache(maxsize=1024)
def find_api(path: str, server: ServerKind | None) -> Api | None:
    """Return the API that a request target leads to; None for another endpoint, or none.

    `server` is None if its kind is not known. Then `/api/v1` leads to an API only if the path names
    an actor. A path that names an agent leads to the agent even on a master: both may share a port
    (mesos-local).
    """
    path = re.split(r"[?#]", strip_origin(path), maxsplit=1)[0]
    if not path.startswith("/") or "/.." in path:
        return None
    actor, _, rest = path.lstrip("/").partition("/")
    named_server = _server_of(unquote_plus(actor))
    if named_server == "master" and server == "agent":
        return None
    routes = _ROUTES[named_server or server]
    route = (rest if named_server else path).strip("/")
    while route:
        if route in routes:
            return routes[route]
        route = _LAST_SEGMENT.sub("", route)
    return None


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
