"""Leaders: where requests go once a master has said that another one leads.

A master that does not lead answers 307 and names the leader. A client that followed it would leave
the recorder behind. So in front of a master, as a reverse proxy, the Location is pointed back at
the recorder, under the name by which the client knows it, and every later request goes to the
leader. A leader that cannot be reached is forgotten: the upstream will know the next one.

Requests lose the client's `Host` in mitmproxy before an addon sees them. It is needed here, and so
what `keep_host_header` stands for is done here too.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import url
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from ..proto.api import endpoints
from ..proto.http import redirects

type HostPort = tuple[str, int]
"""Host and port."""

_CALLED = "mesotape_called"
"""In the metadata of a flow: what the client calls the recorder."""

_ASKS_WHO = ("/redirect", "/master/redirect")
"""Where also a master that leads answers 307, and so who cannot be reached is not gone to."""


class LeaderRedirect:
    """The leader that each upstream named last. `remark` is told of changes, once for each."""

    def __init__(self, remark: Callable[[str], object]) -> None:
        self._remark = remark
        self._active = self._keeps_host = False
        self._named: dict[ReverseMode, HostPort] = {}
        self._unreachable: set[HostPort] = set()

    def activate(self) -> None:
        """Begin to follow leaders."""
        options: Any = ctx.options
        self._keeps_host = options.keep_host_header
        options.update(keep_host_header=True)
        self._active = True

    def route_to_leader(self, flow: http.HTTPFlow) -> None:
        """Send a request to the leader, unless it is a message between actors, by its name."""
        mode = self._reverse(flow)
        if mode is None or flow.error is not None:
            return
        request = flow.request
        flow.metadata[_CALLED] = request.host_header
        leader = self._named.get(mode)
        headers: Any = request.headers
        if leader is not None and not endpoints.is_actor_message(headers.items(multi=True)):
            request.data.host, request.data.port = leader
        if not self._keeps_host:
            request.host_header = url.hostport(mode.scheme, request.data.host, request.data.port)

    def set_upstream_sni(self, data: ServerConnectionHookData) -> None:
        """Greet an upstream over TLS by its own name, not by that of the recorder."""
        mode, server = data.client.proxy_mode, data.server
        if not self._active or self._keeps_host or server.address is None:
            return
        if isinstance(mode, ReverseMode) and mode.scheme == "https":
            server.sni = server.address[0]

    def rewrite_location(self, flow: http.HTTPFlow) -> None:
        """Take note of a leader that a response names, and put the recorder in its place."""
        response, mode = flow.response, self._reverse(flow)
        if (
            response is None
            or response.status_code != HTTPStatus.TEMPORARY_REDIRECT
            or mode is None
        ):
            return
        match response.headers.get_all("Location"):
            case [location] if (found := redirects.split_location(location)) is not None:
                authority, rest = found
            case [location] if location[:1] == "/" and location[:2] != "//":
                return
            case locations:
                said = ", ".join(locations) or "nothing"
                self._remark(f"a redirect to {said} is passed on: no master writes it so")
                return
        own = _own(flow)
        leader = _place(authority, mode)
        if leader is None or leader in (_place(own, mode), flow.client_conn.sockname[:2]):
            return
        self._name(mode, leader, flow.request.path)
        response.headers["Location"] = f"//{own}{rest}"

    def forget_unreachable_leader(self, flow: http.HTTPFlow) -> None:
        """Forget a leader that could not be reached."""
        mode = self._reverse(flow)
        leader = None if mode is None else self._named.get(mode)
        wanted = (flow.request.data.host, flow.request.data.port)
        if mode is None or leader is None or leader != wanted:
            return
        if is_connect_failure(flow) and leader != mode.address:
            del self._named[mode]
            self._unreachable.add(leader)
            host, port = mode.address
            self._remark(f"the leader {_text(leader)} cannot be reached: back to {host}:{port}")

    def _reverse(self, flow: http.HTTPFlow) -> ReverseMode | None:
        """The mode of a flow whose upstream may be a master."""
        mode = flow.client_conn.proxy_mode
        if not self._active or ctx.options.mesotape_server != "master":
            return None
        return mode if isinstance(mode, ReverseMode) and mode.scheme in ("http", "https") else None

    def _name(self, mode: ReverseMode, leader: HostPort, path: str) -> None:
        if path.partition("?")[0].rstrip("/") in _ASKS_WHO and leader in self._unreachable:
            return
        if self._named.get(mode, mode.address) != leader:
            self._remark(f"{_text(leader)} leads: requests go there from now on")
        self._named[mode] = leader


def is_connect_failure(flow: http.HTTPFlow) -> bool:
    """Whether a flow broke off because there was no connection to where it was to go."""
    if not flow.client_conn.state & ConnectionState.CAN_READ:
        return False
    server = flow.server_conn
    wanted = (flow.request.data.host, flow.request.data.port)
    return server.timestamp_start is None or server.address is None or server.address[:2] != wanted


def _own(flow: http.HTTPFlow) -> str:
    """What the client calls the recorder, or else where it found it."""
    called = flow.metadata.get(_CALLED)
    if isinstance(called, str) and redirects.parse_authority(called) is not None:
        return called
    return _text(flow.client_conn.sockname[:2])


def _place(authority: str, mode: ReverseMode) -> HostPort | None:
    found = redirects.parse_authority(authority)
    if found is None:
        return None
    host, port = found
    return host, port or (443 if mode.scheme == "https" else 80)


def _text(place: HostPort) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
