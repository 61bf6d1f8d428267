"""The address of a server: a host and a port, in one form for printing and for comparing.

    text                        host            printed
    127.0.0.1:5050              127.0.0.1       127.0.0.1:5050
    [::0:1]:5050                ::1             [::1]:5050
    [::ffff:127.0.0.1]:5050     127.0.0.1       127.0.0.1:5050
    [FE80::1%eth0]:5050         fe80::1%eth0    [fe80::1%eth0]:5050
    Master.Example.:5050        master.example. master.example.:5050

A name keeps its trailing dot, which makes a resolver ignore its search list, but is equal to the
name without it. Only URLs, Host and Location may leave out the port, for that of the scheme.
"""

import functools
import ipaddress
import re
from typing import NamedTuple, Self, cast, override
from urllib.parse import urlsplit

_AUTHORITY = re.compile(
    r"(?P<host>[\w.~%-]+|\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[\w.~-]+)?\])(?::(?P<port>\d{1,5}))?",
    re.ASCII,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL_EXPECTED = "expected a URL like http://master.example:5050"


class _HostAndPort(NamedTuple):
    host: str
    port: int


class Address(_HostAndPort):
    """A host, without brackets, and a port. To listen on, port 0 means any free port."""

    __slots__ = ()

    def __new__(cls, host: str, port: int) -> Self:
        """Bring the host into the form above."""
        return super().__new__(cls, _normal_host(host), port)

    @classmethod
    def parse(cls, text: str, scheme: str | None = None) -> Self:
        """Parse HOST:PORT. Raises ValueError.

        With a scheme, it is the address of a server: its port may be missing, and is never 0.
        """
        host, port = _split(text) or ("", None)
        if scheme is not None:
            port = _DEFAULT_PORTS.get(scheme) if port is None else port or None
        if not host or port is None:
            raise ValueError(f"{text!r}: expected HOST:PORT, like 127.0.0.1:5050 or [::1]:5050")
        return cls(host, port)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; a name other than localhost may be anything."""
        if self.host.removesuffix(".") == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def authority(self, scheme: str) -> str:
        """Return the text for Host and Location, without the port if it is that of the scheme.

        An IPv6 zone is left out: it has a meaning on one machine only (RFC 6874, section 4).
        """
        host = self.host.partition("%")[0] if ":" in self.host else self.host
        text = str(Address(host, self.port))
        return text.removesuffix(f":{self.port}") if self.port == _DEFAULT_PORTS[scheme] else text

    @override
    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, tuple):
            return False
        return _comparable(self) == _comparable(cast("tuple[object, ...]", other))

    @override
    def __ne__(self, other: object) -> bool:
        return not self == other

    @override
    def __hash__(self) -> int:
        return hash(_comparable(self))


class ServerUrl(NamedTuple):
    """The URL of a server: `http://HOST:PORT`, or with `https`."""

    scheme: str
    address: Address

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a URL; its path is ignored. Raises ValueError."""
        try:
            parts = urlsplit(url)
            authority = parts.netloc
            if not authority.isascii():
                authority = authority.encode("idna").decode()
            elif "[" in authority:
                authority = authority.replace("%25", "%")  # The % before a zone (RFC 6874).
            address = Address.parse(authority.removesuffix(":"), parts.scheme)
        except ValueError as error:
            raise ValueError(f"{url}: {_URL_EXPECTED}") from error
        if parts.scheme not in _DEFAULT_PORTS or parts.username is not None:
            raise ValueError(f"{url}: {_URL_EXPECTED}")
        return cls(parts.scheme, address)

    @classmethod
    def parse_origin(cls, url: str) -> Self:
        """Parse a URL that has no path. Raises ValueError."""
        parsed, parts = cls.parse(url), urlsplit(url)
        if parts.path.strip("/") or parts.query:
            raise ValueError(f"{url}: expected scheme, host and port only")
        return parsed

    @override
    def __str__(self) -> str:
        return f"{self.scheme}://{self.address}"


def is_authority(text: str) -> bool:
    """Return whether a text is HOST or HOST:PORT, as in Host, of a server that can be reached."""
    parts = _split(text)
    return parts is not None and parts[1] != 0


def _split(text: str) -> tuple[str, int | None] | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    port = None if match["port"] is None else int(match["port"])
    return None if port is not None and port >= 1 << 16 else (match["host"].strip("[]"), port)


@functools.lru_cache(1024)
def _normal_host(host: str) -> str:
    if ":" not in host:
        return host.lower()
    address, percent, zone = host.partition("%")
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return host.lower()
    return str(parsed.ipv4_mapped or parsed) + percent + zone


def _comparable(address: tuple[object, ...]) -> tuple[object, ...]:
    match address:
        case (str(host), port):
            return host.removesuffix("."), port
        case _:
            return address


LOOPBACK = Address("127.0.0.1", 0)
"""Where a server listens by default: any free port, for this machine only."""
