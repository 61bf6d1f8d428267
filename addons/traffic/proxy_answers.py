"""What a client gets from the proxy in place of the upstream's answer, and why.

mitmproxy calls the hook `error` with a text, and then answers by itself or closes the connection.
Which of these, and with which status, follows from the text and from the state of the connections
(`handle_protocol_error` and `check_invalid` of mitmproxy/proxy/layers/http/__init__.py).
"""

from collections import Counter
from http import HTTPStatus

from mitmproxy import flow as mitmproxy_flow
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from msgspec import Struct

from ...cassettes.format.documents import EndCause
from ...proto.counted import counted

_KILLED = mitmproxy_flow.Error.KILLED_MESSAGE
_TOO_LARGE = "exceeds mitmproxy's body_size_limit"
_CUT_OFF = ("Client disconnected", "HTTP/1 protocol error: ")
"""Beginnings of the errors of a client that left."""


class ProxyAnswer(Struct, frozen=True):
    """`status` is None if the proxy closed the connection. Equal `kind`s are counted together."""

    kind: str
    reason: str
    status: int | None = HTTPStatus.BAD_GATEWAY

    def __str__(self) -> str:
        if self.status is None:
            return f"{self.reason}; the proxy closed the client's connection"
        return f"{self.reason}; the client got {self.status} from the proxy"


class ProxyAnswerCounts:
    """Counts of answers of the proxy by kind."""

    def __init__(self) -> None:
        self._counts = Counter[tuple[int | None, str]]()

    def add(self, answer: ProxyAnswer) -> bool:
        """Count an answer; return whether it is the first of its kind."""
        key = answer.status, answer.kind
        self._counts[key] += 1
        return self._counts[key] == 1

    @property
    def total(self) -> int:
        """How many answers there were."""
        return self._counts.total()

    def lines(self) -> list[str]:
        """Return a line for each kind, like `502 upstream unreachable: 37 times`."""
        return [
            f"{status or 'no answer:'} {kind}: {counted(count, 'time')}"
            for (status, kind), count in self._counts.items()
        ]


def refused_request(message: str, status: int = HTTPStatus.BAD_REQUEST) -> ProxyAnswer:
    """Return the answer to a request that the proxy does not accept."""
    reason = f"a request was refused by the proxy: {message}"
    return ProxyAnswer("request refused", reason, status)


def killed_flow() -> ProxyAnswer:
    """Return what happens to a flow that another addon killed."""
    return ProxyAnswer("killed", "another addon or option killed this exchange", None)


def is_killed(flow: http.HTTPFlow) -> bool:
    """Return whether an addon or a user killed a flow."""
    return flow.error is not None and flow.error.msg == _KILLED


def is_connect_failure(flow: http.HTTPFlow) -> bool:
    """Return whether a flow broke off because no connection to its destination could be opened."""
    if not _is_client_here(flow):
        return False
    server = flow.server_conn
    destination = (flow.request.data.host, flow.request.data.port)
    if server.timestamp_start is None or server.address is None:
        return True
    return server.address[:2] != destination


def examine_error(
    flow: http.HTTPFlow, *, is_request_open: bool, is_answered: bool
) -> tuple[EndCause, ProxyAnswer | None]:
    """Return which side broke off a flow, and the answer of the proxy if it gives one.

    With `is_answered`, the head of the response has passed, so that the proxy can only cut off the
    rest: the client sees the same end as it would without a proxy.
    """
    message = flow.error.msg if flow.error is not None else "unknown"
    if is_killed(flow):
        return "server-cut", killed_flow()
    if _TOO_LARGE in message:
        is_request = message.startswith("Request")
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_request else HTTPStatus.BAD_GATEWAY
        return "server-cut", ProxyAnswer("body_size_limit", message.rstrip("."), status)
    if not _is_client_here(flow) and is_request_open:
        if "illegal chunk" in message:  # The proxy closes the connection, and then calls the hook.
            reason = f"a request was refused by the proxy: {message}"
            return "malformed", ProxyAnswer("request refused", reason, None)
        if not message.startswith(_CUT_OFF):
            return "client", refused_request(message)
    cause = _end_cause(flow, message)
    if cause == "client" or is_answered:
        return cause, None
    return cause, _upstream_failure(flow, message)


def _upstream_failure(flow: http.HTTPFlow, message: str) -> ProxyAnswer:
    if is_connect_failure(flow):
        return ProxyAnswer("upstream unreachable", f"the upstream could not be reached: {message}")
    if message == "server closed connection":
        text = "the upstream closed the connection without an answer"
        return ProxyAnswer("upstream gave no answer", text)
    if flow.response is None or message.startswith("Received "):
        text = f"the upstream's answer is not valid HTTP: {message}"
        return ProxyAnswer("upstream's answer is not HTTP", text)
    text = (
        f"the upstream broke off its answer ({flow.response.status_code}), of which the proxy "
        f"had passed nothing on yet: {message}"
    )
    return ProxyAnswer("upstream broke off its answer", text)


def _end_cause(flow: http.HTTPFlow, message: str) -> EndCause:
    """Return which side broke off. A client that leaves closes both, so it is checked first."""
    if "illegal chunk" in message or "malformed" in message.lower():
        return "malformed"
    return "server-cut" if _is_client_here(flow) else "client"


def _is_client_here(flow: http.HTTPFlow) -> bool:
    return bool(flow.client_conn.state & ConnectionState.CAN_READ)
