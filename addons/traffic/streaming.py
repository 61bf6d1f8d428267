"""Streaming: bodies pass as they come, so that the proxy neither delays nor holds them.

mitmproxy holds a body back until it is complete, unless an addon streams it. So all bodies are
streamed, of whatever size and framing. The exception are those that another addon may want to see
whole, which a hook of it shows: of them only what may have no end is streamed, as by Mesos.
"""

from collections.abc import Callable

from mitmproxy import http

from ...proto.api.negotiation import RECORDIO
from ...proto.http.headers import last_header_values
from .body_tap import pass_on
from .messages import header_fields


class BodyStreaming:
    """Decides which bodies are streamed.

    `is_hook_used` returns whether another addon has the hook `request` or `response`.
    """

    def __init__(self, is_hook_used: Callable[[str], bool]) -> None:
        self._is_hook_used = is_hook_used

    def begin_request(self, flow: http.HTTPFlow) -> None:
        """Stream a request, unless another addon may read it: then only one with records."""
        request = flow.request
        if flow.response is not None or request.stream:
            return
        is_stream = last_header_values(header_fields(request)).get("content-type") == RECORDIO
        if is_stream or not self._is_hook_used("request"):
            request.stream = pass_on

    def begin_response(self, flow: http.HTTPFlow) -> None:
        """Stream a response, unless another addon may read it: then only one without a length.

        A response made by another addon has its body already.
        """
        response = flow.response
        if response is None or response.raw_content is not None or response.stream:
            return
        if "content-length" not in response.headers or not self._is_hook_used("response"):
            response.stream = pass_on


# If one of these methods raises, the functions below are called. They share nothing with them.


def stream_request(flow: http.HTTPFlow) -> None:
    """Stream a request, unless another addon has answered it."""
    if flow.response is None and not flow.request.stream:
        flow.request.stream = pass_on


def stream_response(flow: http.HTTPFlow) -> None:
    """Stream a response, unless it has its body already."""
    response = flow.response
    if response is not None and response.raw_content is None and not response.stream:
        response.stream = pass_on


def hold_answered_request(flow: http.HTTPFlow) -> None:
    """Hold a request that another addon has answered: mitmproxy raises if there are both."""
    if flow.response is not None and flow.request.stream is pass_on:
        flow.request.stream = False
