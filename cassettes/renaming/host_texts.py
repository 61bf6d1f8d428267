"""Hosts in texts, by the fields, headers and URLs that they are in.

A name under example, test, invalid or localhost is readable, and so is an address of a loopback or
of a documentation network (RFC 2606, RFC 5737).
"""

import ipaddress
import re
from collections.abc import Iterator

from ...proto.http.headers import header_values
from ..format.documents import Headers

_FIELD = re.compile(r'"(?:hostname|ip|ip_address)"\s*:\s*"([A-Za-z0-9_.:-]{1,255})"')
_PID = re.compile(r'"pid"\s*:\s*"[^"@]*@((?:[A-Za-z0-9_.-]|\[[0-9A-Fa-f:.]+\]){1,255}):[0-9]{1,5}"')
_AUTHORITY = re.compile(
    r"(?:\A|//|@)((?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]))(?=:[0-9]{1,5}(?:\Z|[/?#@])|[/?#]|\Z)"
)
_READABLE_NAME = re.compile(
    r"(?:.*\.)?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)\.?", re.IGNORECASE
)
_HOST_HEADERS = ("Host", "Location", "Origin", "Referer")
_V4_NETWORKS = tuple(
    map(ipaddress.IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
)
_V6_NETWORK = ipaddress.IPv6Network("2001:db8::/32")
_MORE_V4 = ipaddress.IPv4Network("198.18.0.0/15")
"""For benchmarks (RFC 2544), after the 762 addresses for documentation."""


def field_hosts(text: str) -> Iterator[str]:
    """Return the hosts in the fields of a message that is shown as JSON."""
    for expression in (_FIELD, _PID):
        for match in expression.finditer(text):
            yield match[1].strip("[]")


def header_hosts(headers: Headers) -> Iterator[str]:
    """Return the hosts in headers."""
    for name in _HOST_HEADERS:
        for value in header_values(headers, name):
            yield from url_hosts(value)


def url_hosts(text: str) -> Iterator[str]:
    """Return the hosts in a URL, in HOST:PORT or in a mode of mitmproxy."""
    for match in _AUTHORITY.finditer(text):
        yield match[1].strip("[]")


def is_readable_host(host: str) -> bool:
    """Return whether a host may stay as it is."""
    address = _address(host)
    if address is None:
        return not re.search(r"[A-Za-z0-9]", host) or bool(_READABLE_NAME.fullmatch(host))
    if address.is_loopback or address.is_unspecified:
        return True
    if isinstance(address, ipaddress.IPv6Address):
        return address in _V6_NETWORK
    return any(address in network for network in (*_V4_NETWORKS, _MORE_V4))


def numbered_host(host: str, number: int) -> str:
    """Return a readable host of the same kind: a name or an address, with a number from 1."""
    address = _address(host)
    if address is None:
        return f"host-{number}.example"
    if isinstance(address, ipaddress.IPv6Address):
        return str(_V6_NETWORK[number])
    for network in _V4_NETWORKS:
        if number <= 254:
            return str(network[number])
        number -= 254
    return str(_MORE_V4[number])


def as_number(host: str) -> int | None:
    """Return the number of an IPv4 address as Mesos writes it in MasterInfo, or None."""
    address = _address(host)
    if not isinstance(address, ipaddress.IPv4Address):
        return None
    return int.from_bytes(address.packed, "little")


def kind_of_host(host: str) -> str:
    """Return `name`, `v4` or `v6`, which are numbered each for itself."""
    address = _address(host)
    return "name" if address is None else f"v{address.version}"


def is_whole_host(text: str, begin: int, end: int) -> bool:
    """Return whether a host in a text is not a part of a longer one, or another word."""
    before, host, after = text[max(0, begin - 2) : begin], text[begin:end], text[end : end + 2]
    if ":" in host:
        return not re.search(r"[0-9A-Fa-f:]\Z", before) and not re.match(r"[0-9A-Fa-f:]", after)
    if re.search(r"[\w.-]\Z", before) or re.match(r"[\w-]|\.\w", after):
        return False
    if "." in host:
        return True
    is_field = text[max(0, begin - 16) : begin].rstrip(' "').endswith('"hostname":')
    return is_field or before == "//" or before.endswith("@") or bool(re.match(r":[0-9]", after))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
