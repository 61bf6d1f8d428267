"""Blocks connections of the test process to other machines.

Addresses are checked when a socket connects or sends to them, names when they are resolved: the
query would leave the machine. A loop in C (uvloop) and child processes are not seen.
"""

import fnmatch
import ipaddress
import socket
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest

_METHODS = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}
"""Methods of sockets, and which of their arguments is the address."""
_LOOKUPS: dict[str, Callable[[Any], Iterable[str]]] = {
    "getaddrinfo": lambda found: (each[4][0] for each in found),
    "gethostbyname": lambda found: (found,),
    "gethostbyname_ex": lambda found: found[2],
}
"""Functions that resolve names, and the addresses in what they return."""


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
            for name, addresses_of in _LOOKUPS.items():
                lookup = self._checking_name(getattr(socket, name), addresses_of)
                patch.setattr(socket, name, lookup)
            yield

    def _checking_address(self, method: Callable[..., Any], position: int) -> Callable[..., Any]:
        def call(this: socket.socket, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            address = (*args[position:], None)[0]
            if this.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                host, port, *_ = cast("tuple[Any, ...]", address)
                if not self._is_allowed(_text(host)):
                    self._refuse(f"{_text(host)}:{port}")
            return method(this, *args, **kwargs)

        return call

    def _checking_name(
        self, lookup: Callable[..., Any], addresses_of: Callable[[Any], Iterable[str]]
    ) -> Callable[..., Any]:
        def call(host: str | bytes | None, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            name = _text(host or "")
            if not name or _address(name) is not None or name == socket.gethostname():
                return lookup(host, *args, **kwargs)
            if not self._is_allowed(name):
                self._refuse(name)
            found = lookup(host, *args, **kwargs)
            self._addresses.update(addresses_of(found))
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


def _text(host: str | bytes) -> str:
    return host.decode() if isinstance(host, bytes) else host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a text is, that of IPv4 if IPv6 has it mapped; None for a name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
