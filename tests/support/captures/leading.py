"""The leader that a captured follower names: another one, and what a recorder makes of it."""

import base64
import re

from msgspec.structs import replace

from .capture import Capture, Exchange

_NAMED = re.compile(rb"(?<=\r\nLocation: //)127\.0\.0\.1:[0-9]+")
_AUTHORITY = re.compile("^//[^/?#]+")


def led_by(capture: Capture, address: str) -> Capture:
    """The same capture with a leader at `address`."""
    lines = [
        replace(
            line, b64=base64.b64encode(_NAMED.sub(address.encode(), line.data, count=1)).decode()
        )
        if line.side == "server" and _NAMED.search(line.data)
        else line
        for line in capture.lines
    ]
    return Capture(capture.name, tuple(lines))


def pointed_back(exchange: Exchange) -> Exchange:
    """The exchange as the client of a recorder sees it: its Location names what the client asked.

    Without a Host in the request it stays as it is.
    """
    response = exchange.response
    called = dict(exchange.request.headers).get("Host")
    if response is None or response.status != 307 or called is None:
        return exchange
    headers = tuple(
        (name, _AUTHORITY.sub(f"//{called}", value) if name == "Location" else value)
        for name, value in response.headers
    )
    return replace(exchange, response=replace(response, headers=headers))
