"""Requests that a recorder would send to itself, which would go round without end."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Collection

from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from ...proto.http.address import Address
from .guard import Guard


class LoopGuard:
    """An addon that refuses a connection to one of the addresses on which the proxy listens.

    mitmproxy does so, too, but knows only a few names of this machine.
    """

    def __init__(self, listening: Callable[[], Collection[Address]], guard: Guard) -> None:
        self._listening = listening
        self.server_connect = guard.wrap_async(self._refuse_own_address)

    async def _refuse_own_address(self, data: ServerConnectionHookData) -> None:
        """Refuse the connection; the client gets a 502."""
        if data.server.address is None:
            return
        address, listening = Address(*data.server.address[:2]), self._listening()
        # Only a name with a port of ours is resolved here, and in a thread.
        if any(address.port == each.port for each in listening) and (
            await asyncio.to_thread(is_own_address, address, listening)
        ):
            data.server.error = f"{address} is the recorder itself"


def is_own_address(address: Address, listening: Collection[Address]) -> bool:
    """Return whether a connection to `address` would reach a listener. Resolves names."""
    listening = [each for each in listening if each.port == address.port]
    if not listening:
        return False
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    hosts = {Address(str(where[0]), address.port).host for *_, where in found}
    return any(_reaches(host, each.host) for host in hosts for each in listening)


def _reaches(host: str, listening_host: str) -> bool:
    if host == listening_host or _is_unspecified(host):
        return True
    return _is_unspecified(listening_host) and _is_local(host)


def _is_unspecified(host: str) -> bool:
    return ipaddress.ip_address(host).is_unspecified


def _is_local(host: str) -> bool:
    """Return whether this machine has an IP address: only then it can be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
