"""Requests that mitmproxy refuses without calling a hook.

It does so if a request line or header cannot be parsed, and if a proxy for any host is not told the
host. Both are seen by wrapping two of its functions, which are called once for a request and once
for an error; so this costs nothing for each piece of a body.
"""

import functools
from collections.abc import Callable
from typing import Any

from mitmproxy.proxy.layers.http import _http1  # pyright: ignore[reportPrivateUsage]

_NO_HOST = "destination unknown"

_listeners = list[Callable[[str], None]]()


def listen(listener: Callable[[str], None]) -> None:
    """Call a function with the reason of each such refusal, until `unlisten`; it never raises."""
    _wrap()
    _listeners.append(listener)


def unlisten(listener: Callable[[str], None]) -> None:
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
                listener(str(error))
            raise

    def make_error_response(status_code: int, message: str = "") -> bytes:
        if _NO_HOST in message:
            for listener in _listeners:
                listener(message)
        return make_response(status_code, message)

    module.http1.read_request_head = read_request_head
    module.make_error_response = make_error_response
