"""Redirects from a master that does not lead to the leading one.

    HTTP/1.1 307 Temporary Redirect
    Location: //leader.example:5050/master/api/v1?x=1

The Location has no scheme, and its path is the rewritten one (src/master/http.cpp, `redirect`). A
client that follows it bypasses any proxy in front of the master, unless the proxy replaces the host
and port of the Location by its own.
"""

import re

from .address import is_authority

_LOCATION = re.compile(r"//(?P<authority>[^/?#]*)(?P<rest>[/?#].*)?", re.DOTALL)
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def split_location(location: str) -> tuple[str, str] | None:
    """Split a Location of a master into `HOST:PORT` and the rest; None if no master writes it."""
    match = _LOCATION.fullmatch(location)
    if match is None or not is_authority(match["authority"]):
        return None
    return match["authority"], match["rest"] or ""


def replace_authority(location: str, authority: str) -> str | None:
    """Return a master's Location with another HOST:PORT; None if no master writes such a one."""
    parts = split_location(location)
    return None if parts is None else f"//{authority}{parts[1]}"


def strip_origin(target: str) -> str:
    """Remove scheme and host from a request target in absolute form (RFC 9112, 3.2.2)."""
    match = _ORIGIN.match(target)
    return target if match is None else target[match.end() :]
