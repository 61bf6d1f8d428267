"""Redirects: where a master that does not lead sends its clients.

    HTTP/1.1 307 Temporary Redirect
    Location: //leader.example:5050/master/api/v1?x=1

The Location has no scheme, and its path is the rewritten one (src/master/http.cpp, `redirect`). A
client that follows it leaves whatever stands before the master, unless that puts itself in.
"""

import re

TEMPORARY_REDIRECT = 307

_LOCATION = re.compile(r"//(?P<authority>[^/?#]*)(?P<rest>[/?#].*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(?P<host>[\w.~%-]+|\[[0-9A-Fa-f:.%]+\])(?::(?P<port>\d{1,5}))?", re.ASCII)


def split_location(location: str) -> tuple[str, str] | None:
    """Take a Location apart: host and port, and the rest; None unless a master writes it so."""
    found = _LOCATION.fullmatch(location)
    if found is None or parse_authority(found["authority"]) is None:
        return None
    return found["authority"], found["rest"] or ""


def parse_authority(authority: str) -> tuple[str, int | None] | None:
    """The host, without brackets, and the port if there is one; None if it is not HOST:PORT."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        return None
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 0 < port < 1 << 16:
        return None
    return found["host"].strip("[]"), port


def replace_authority(location: str, authority: str) -> str | None:
    """The same place on another server; None if it is no Location of a master."""
    found = split_location(location)
    return None if found is None else f"//{authority}{found[1]}"
