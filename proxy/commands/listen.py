"""Addresses: where a replay listens, and for which cassettes.

    mesotape replay master.yaml agent.yaml                      both on --listen
    mesotape replay master.yaml agent.yaml=127.0.0.1:5051       the agent on an address of its own

They are one replay all the same: one clock, one journal, one causality.
"""

import ssl
from collections.abc import Sequence
from typing import NamedTuple

from ..http.address import Address
from ..server.server import ReplayServer
from .console import CommandError, listen_error_text


class ListenSpec(NamedTuple):
    """An address to listen on, and the cassettes there, by their places in the list."""

    address: Address
    cassette_indexes: tuple[int, ...]


def group_by_address(own: Sequence[Address | None], listen: Address) -> list[ListenSpec]:
    """Where to listen: on an address of its own for each cassette that has one, else on `listen`.

    Cassettes at the same address are one server, unless its port is 0, which is another each time.
    """
    found: dict[object, ListenSpec] = {}
    for number, address in enumerate(own):
        where = listen if address is None else address
        key = number if address is not None and address.port == 0 else where
        _, before = found.get(key, (where, ()))
        found[key] = ListenSpec(where, (*before, number))
    return list(found.values()) or [ListenSpec(listen, ())]


async def start(
    server: ReplayServer, listened: Sequence[ListenSpec], tls: ssl.SSLContext | None
) -> list[Address]:
    """Listen on all of them; gives the real addresses. Raises CommandError."""
    real: list[Address] = []
    for place in listened:
        only = place.cassette_indexes if len(listened) > 1 else None
        try:
            real.append(
                Address(*await server.start(*place.address, tls=tls, cassette_indexes=only))
            )
        except OSError as error:
            await server.stop()
            raise CommandError(listen_error_text(place.address, error)) from error
    return real
