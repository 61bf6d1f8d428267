"""Requests that mitmproxy refuses without calling a hook.

It does so if a request line or header cannot be parsed, and if a proxy for any host is not told the
host. Both are seen by wrapping two of its functions, which are called once for a request and once
for an error; so this costs nothing for each piece of a body.
"""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from mitmproxy.proxy.layers.http import _http1  # pyright: ignore[reportPrivateUsage]

from .head_limits import HEAD_TOO_LARGE

_NO_HOST = "destination unknown"

type Listener = Callable[[str, int], None]
"""Takes the reason of a refusal, and the status of the answer."""

_listeners = list[Listener]()


def listen(listener: Listener) -> None:
    """Call a function for each such refusal, until `unlisten`; it never raises."""
    _wrap()
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    """Call a function no more."""
    if listener in _listeners:
        _listeners.remove(listener)


@functools.cache  # once
def _wrap() -> None:
    module: Any = _http1
    read_head, make_response = module.http1.read_request_head, module.make_error_response

    def read_request_head(lines: list[bytes]) -> object:
        try:
            return read_head(lines)
        except ValueError as error:
            for listener in _listeners:
                listener(str(error), HTTPStatus.BAD_REQUEST)
            raise

    def make_error_response(status_code: int, message: str = "") -> bytes:
        if _NO_HOST in message or status_code == HEAD_TOO_LARGE:
            for listener in _listeners:
                listener(message, status_code)
        return make_response(status_code, message)

    module.http1.read_request_head = read_request_head
    module.make_error_response = make_error_response
