"""Health checks are answered by the recorder: none gets to the upstream, or into the cassette."""

from http import HTTPStatus

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from ..proto.http.request import HEALTH_PATH


def answer_health_check(flow: http.HTTPFlow) -> bool:
    """Answer a request if it is a health check of a reverse proxy, and return whether it is."""
    method, path = flow.request.data.method, flow.request.data.path
    if path != HEALTH_PATH or method not in (b"GET", b"HEAD") or flow.error is not None:
        return False
    if not isinstance(flow.client_conn.proxy_mode, ReverseMode):
        return False
    body = b"ok\n" if method == b"GET" else b""
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    flow.response = http.Response.make(HTTPStatus.OK, body, headers)
    return True
