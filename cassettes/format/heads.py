r"""What HTTP cannot send: the rules for the heads of requests and responses (RFC 9110).

    request_faults(request)      "request.path: '\n' cannot be sent", with the keys that lead to it
    response_faults(response)    the same for reason and headers
    status_fault(response)       a status that no response can have

A line end in a name, a value or a reason would begin a header, or a response, of its own.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ...proto.http.headers import header_pairs
from ...proto.shown_text import quote_start
from .documents import Headers, Request, Response

_NOT_IN_TARGET = re.compile(r"[^!-~\x80-\xff]")
_NOT_IN_VALUE = re.compile(r"[^\t -~\x80-\xff]")
_NOT_IN_NAME = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_FINAL_STATUSES = range(200, 600)


class HeadFault(NamedTuple):
    """A part of a head that cannot be sent: the keys that lead to it, and the reason."""

    path: tuple[str, ...]
    text: str


def is_sendable(response: Response) -> bool:
    """Return whether the head of a response can be sent: fast, as every exchange is asked."""
    headers = response.headers
    values = [value if type(value) is str else "".join(value) for value in headers.values()]
    text = "".join(values) if response.reason is None else "".join([response.reason, *values])
    return (
        (response.status is None or response.status in _FINAL_STATUSES)
        and ((text.isascii() and text.isprintable()) or not _NOT_IN_VALUE.search(text))
        and _are_names(tuple(headers))
    )


@lru_cache(maxsize=1024)
def _are_names(names: tuple[str, ...]) -> bool:
    return all(names) and not _NOT_IN_NAME.search("".join(names))


def request_faults(request: Request) -> Iterator[HeadFault]:
    """Return what cannot be sent in the head of a request."""
    for name in ("method", "path", "version"):
        text: str = getattr(request, name)
        wrong = _NOT_IN_TARGET.search(text)
        if wrong or not text:
            yield _fault(("request", name), name, repr(wrong[0]) if wrong else "no text")
    yield from _header_faults("request", request.headers)


def response_faults(response: Response) -> Iterator[HeadFault]:
    """Return what cannot be sent in the head of a response, besides its status."""
    if wrong := _NOT_IN_VALUE.search(response.reason or ""):
        yield _fault(("response", "reason"), "reason", repr(wrong[0]))
    yield from _header_faults("response", response.headers)


def status_fault(response: Response) -> HeadFault | None:
    """Return the fault of a status that is not one of a final response; None if it is."""
    if response.status is None or response.status in _FINAL_STATUSES:
        return None
    text = f"response.status: expected 200 to 599, found {quote_start(response.status)}"
    return HeadFault(("response", "status"), text)


def _header_faults(side: str, headers: Headers) -> Iterator[HeadFault]:
    for name, value in header_pairs(headers):
        wrong = _NOT_IN_NAME.search(name) or _NOT_IN_VALUE.search(value)
        if wrong or not name:
            found = repr(wrong[0]) if wrong else "an empty name"
            yield _fault((side, "headers", name), f"headers.{quote_start(name)}", found)


def _fault(path: tuple[str, ...], name: str, found: str) -> HeadFault:
    return HeadFault(path, f"{path[0]}.{name}: {found} cannot be sent")
