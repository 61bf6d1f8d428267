"""Absolute URLs, as other formats have them, and the request targets of a cassette."""

import re
from urllib.parse import quote

from ...proto.http.headers import header_value
from ...proto.http.redirects import strip_origin
from ..recording.whole_exchange import WholeRequest

_UNKNOWN_ORIGIN = "http://unknown.invalid"
"""The origin of a request without a header Host (RFC 2606, section 2)."""

_URL = re.compile(r"(?P<origin>https?://[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?", re.IGNORECASE)
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


def exchange_url(request: WholeRequest, upstream: str | None) -> str:
    """Return the URL of a request: that of the server, if it is known, and the target."""
    target = request.path
    if strip_origin(target) != target:
        return target
    host = header_value(request.headers, "host")
    origin = (upstream or "").rstrip("/") or (f"http://{host}" if host else _UNKNOWN_ORIGIN)
    return f"{origin}{target}" if target.startswith("/") else f"{origin}/{target}"


def split_url(url: str) -> tuple[str, str] | None:
    """Return the origin of a URL and the target of a request for it; None if it is not HTTP."""
    match = _URL.match(url)
    if match is None:
        return None
    target = (match["path"] or "/") + (match["query"] or "")
    return match["origin"], quote(target, safe=_VISIBLE)
