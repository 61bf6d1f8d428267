"""Follow the leader: send requests to the master that the upstream named as the leader.

A master that does not lead answers 307 with the leader in its Location. A client that followed it
would bypass the recorder. So in front of a master, as a reverse proxy, the Location is rewritten to
the recorder's address as the client knows it, and later requests go to the leader. A leader that
cannot be reached is forgotten: the upstream will name the next one.

mitmproxy removes the client's `Host` before an addon sees the request, unless `keep_host_header` is
set. It is needed here, so the option is switched on, and what it was before is done here.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from ..proto.api import endpoints
from ..proto.http import redirects
from ..proto.http.address import Address, is_authority
from ..proto.http.headers import header_values
from .addon_options import selected_server
from .traffic.messages import header_fields
from .traffic.proxy_answers import is_connect_failure

_CLIENT_HOST = "mesotape_called"
"""Key in the metadata of a flow: the `Host` by which the client addressed the recorder."""

_REDIRECT_PATHS = ("/redirect", "/master/redirect")
"""Paths at which a leading master answers 307, too; so a Location there is no proof of a change."""


class LeaderRedirect:
    """The leader that each upstream named last. `report` is called with a text at each change."""

    def __init__(self, report: Callable[[str], object]) -> None:
        self._report = report
        self._is_active = self._keeps_host = False
        self._leaders: dict[ReverseMode, Address] = {}
        self._unreachable: set[Address] = set()

    def activate(self) -> None:
        """Start to follow leaders."""
        options: Any = ctx.options
        self._keeps_host = options.keep_host_header
        options.update(keep_host_header=True)
        self._is_active = True

    def route_to_leader(self, flow: http.HTTPFlow) -> None:
        """Send a request to the leader, unless it is a message between actors."""
        mode = self._reverse_mode(flow, any_server=True)
        if mode is None or flow.error is not None:
            return
        request = flow.request
        flow.metadata[_CLIENT_HOST] = request.host_header
        leader = self._leaders.get(mode)
        headers: Any = request.headers
        if leader is not None and not endpoints.is_actor_message(headers.items(multi=True)):
            request.data.host, request.data.port = leader
        if not self._keeps_host:
            destination = Address(request.data.host, request.data.port)
            request.host_header = destination.authority(mode.scheme)

    def set_upstream_sni(self, data: ServerConnectionHookData) -> None:
        """Name the upstream in the TLS handshake with it, and not the recorder."""
        mode, server = data.client.proxy_mode, data.server
        if not self._is_active or self._keeps_host or server.address is None:
            return
        if isinstance(mode, ReverseMode) and mode.scheme == "https":
            server.sni = server.address[0]

    def rewrite_location(self, flow: http.HTTPFlow) -> None:
        """Remember the leader that a 307 names, and replace it in the Location by the recorder.

        A master writes `//host:port/path`, without a scheme, and its own address if it leads.

            Location                            is
            one, //host:port…, another host     the leader: remembered and rewritten
            one, //host:port…, the recorder     passed on: the client would come back by itself.
                                                It may be named as the client calls it, or by the
                                                address at which this connection was accepted
            one, /path                          passed on: it names no other host
            any other, none, or several         passed on and reported: no master writes it.
                                                An invalid host or port is such

        The recorder is named as in the client's `Host`, because the client reached it by that name.
        """
        response, mode = flow.response, self._reverse_mode(flow)
        if (
            response is None
            or response.status_code != HTTPStatus.TEMPORARY_REDIRECT
            or mode is None
        ):
            return
        match header_values(header_fields(response), "Location"):
            case [location] if (parts := redirects.split_location(location)) is not None:
                authority, path = parts
            case [location] if location[:1] == "/" and location[:2] != "//":
                return
            case locations:
                shown = ", ".join(locations) or "nothing"
                self._report(f"a redirect to {shown} is passed on: no master writes this Location")
                return
        recorder = _recorder_authority(flow)
        leader = Address.parse(authority, mode.scheme)
        accepting = Address(*flow.client_conn.sockname[:2])
        if leader in (Address.parse(recorder, mode.scheme), accepting):
            return
        self._remember(mode, leader, flow.request.path)
        response.headers.set_all(b"Location", [f"//{recorder}{path}".encode("latin-1")])

    def forget_unreachable_leader(self, flow: http.HTTPFlow) -> None:
        """Forget the leader if the request could not be sent to it."""
        mode = self._reverse_mode(flow)
        leader = None if mode is None else self._leaders.get(mode)
        destination = (flow.request.data.host, flow.request.data.port)
        if mode is None or leader is None or leader != destination:
            return
        if is_connect_failure(flow) and leader != Address(*mode.address):
            del self._leaders[mode]
            self._unreachable.add(leader)
            first = Address(*mode.address)
            self._report(f"the leader {leader} cannot be reached: back to {first}")

    def _reverse_mode(self, flow: http.HTTPFlow, *, any_server: bool = False) -> ReverseMode | None:
        """Return the proxy mode of a flow whose upstream may be a master, or may be any server."""
        mode = flow.client_conn.proxy_mode
        if not self._is_active or not (any_server or selected_server() == "master"):
            return None
        return mode if isinstance(mode, ReverseMode) and mode.scheme in ("http", "https") else None

    def _remember(self, mode: ReverseMode, leader: Address, path: str) -> None:
        if path.partition("?")[0].rstrip("/") in _REDIRECT_PATHS and leader in self._unreachable:
            return
        if self._leaders.get(mode, Address(*mode.address)) != leader:
            self._report(f"{leader} leads: requests go there from now on")
        self._leaders[mode] = leader


def _recorder_authority(flow: http.HTTPFlow) -> str:
    """Return the client's `Host` if it is valid, else the address that accepted the connection."""
    host = flow.metadata.get(_CLIENT_HOST)
    if isinstance(host, str) and is_authority(host):
        return host
    return str(Address(*flow.client_conn.sockname[:2]))
