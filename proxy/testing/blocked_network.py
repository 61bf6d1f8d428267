"""Blocks connections of the test process to other machines.

Addresses are checked when a socket connects or sends to them, names when they are resolved: the
query would leave the machine. A loop in C (uvloop) and child processes are not seen.
"""

import fnmatch
import ipaddress
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

_METHODS = {"connect": 0, "connect_ex": 0, "sendto": -1}
"""Methods of sockets, and which of their arguments is the address."""
_LOOKUPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")


class NetworkBlockedError(PermissionError):
    """A connection that `block_network` does not allow; clients handle it as any failed one."""


class NetworkBlock:
    """Which hosts may be reached, and what has been blocked.

    `allowed_hosts` are names, addresses and patterns, like `*.example`. The addresses of an
    allowed name are allowed, too.
    """

    def __init__(self, allowed_hosts: Sequence[str] = ()) -> None:
        self._patterns = allowed_hosts
        self._addresses = set[str]()
        self.blocked = list[str]()

    @contextmanager
    def active(self) -> Generator[None]:
        """Block during a `with` block, in all threads."""
        with pytest.MonkeyPatch.context() as patch:
            for name, position in _METHODS.items():
                method = getattr(socket.socket, name)
                patch.setattr(socket.socket, name, self._checking_address(method, position))
            for name in _LOOKUPS:
                patch.setattr(socket, name, self._checking_name(getattr(socket, name)))
            yield

    def _checking_address(self, method: Callable[..., Any], position: int) -> Callable[..., Any]:
        def call(this: socket.socket, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if args and this.family in (socket.AF_INET, socket.AF_INET6):
                host, port, *_ = args[position]
                if not self._is_allowed(host):
                    self._refuse(f"{host}:{port}")
            return method(this, *args, **kwargs)

        return call

    def _checking_name(self, lookup: Callable[..., Any]) -> Callable[..., Any]:
        def call(host: str | bytes | None, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            name = host.decode() if isinstance(host, bytes) else host
            if not name or _address(name) is not None or name == socket.gethostname():
                return lookup(host, *args, **kwargs)
            if not self._is_allowed(name):
                self._refuse(name)
            found = lookup(host, *args, **kwargs)
            if isinstance(found, list):
                self._addresses.update(sockaddr[0] for *_, sockaddr in found)
            return found

        return call

    def _is_allowed(self, host: str) -> bool:
        address = _address(host)
        if address is not None and (address.is_loopback or address.is_unspecified):
            return True
        name = host.lower().rstrip(".")
        return (
            name in ("", "localhost")
            or name.endswith(".localhost")
            or host in self._addresses
            or any(fnmatch.fnmatchcase(name, pattern.lower()) for pattern in self._patterns)
        )

    def _refuse(self, place: str) -> None:
        __tracebackhide__ = True
        advice = f'allow it with allowed_hosts="{place.rpartition(":")[0] or place}"'
        text = f"blocked a connection to {place}, because of block_network: {advice}"
        self.blocked.append(text)
        raise NetworkBlockedError(text)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a text is, that of IPv4 if IPv6 has it mapped; None for a name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
