"""Redirects from a master that does not lead to the leading one.

    HTTP/1.1 307 Temporary Redirect
    Location: //leader.example:5050/master/api/v1?x=1

The Location has no scheme, and its path is the rewritten one (src/master/http.cpp, `redirect`). A
client that follows it bypasses any proxy in front of the master, unless the proxy replaces the host
and port of the Location by its own.
"""

import re

_LOCATION = re.compile(r"//(?P<authority>[^/?#]*)(?P<rest>[/?#].*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>[\w.~%-]+|\[[0-9A-Fa-f:.%]+\])(?::(?P<port>\d{1,5}))?", re.ASCII)
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def split_location(location: str) -> tuple[str, str] | None:
    """Split a Location of a master into `HOST:PORT` and the rest; None if no master writes it."""
    match = _LOCATION.fullmatch(location)
    if match is None or parse_authority(match["authority"]) is None:
        return None
    return match["authority"], match["rest"] or ""


def parse_authority(authority: str) -> tuple[str, int | None] | None:
    """Return the host, without brackets, and the port or None; None if it is not HOST[:PORT]."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 0 < port < 1 << 16:
        return None
    return match["host"].strip("[]"), port


def replace_authority(location: str, authority: str) -> str | None:
    """Return a master's Location with another HOST:PORT; None if no master writes such a one."""
    parts = split_location(location)
    return None if parts is None else f"//{authority}{parts[1]}"


def strip_origin(target: str) -> str:
    """Remove scheme and host from a request target in absolute form (RFC 9112, 3.2.2)."""
    match = _ORIGIN.match(target)
    return target if match is None else target[match.end() :]
