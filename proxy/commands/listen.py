"""The addresses of a replay, and the cassettes that each serves.

    mesotape replay master.yaml agent.yaml                      both on --listen
    mesotape replay master.yaml agent.yaml=127.0.0.1:5051       the agent on its own address

All addresses belong to one replay: one clock, one journal, one causality.
"""

import ssl
from collections.abc import Sequence
from typing import NamedTuple

from ...proto.http.address import Address
from ..server.server import ReplayServer
from .console import CommandError, listen_error_text


class ListenSpec(NamedTuple):
    """An address to listen on, the indexes of the cassettes that it serves, what it is set by."""

    address: Address
    cassette_indexes: tuple[int, ...]
    option: str = "--listen "


def group_by_address(own: Sequence[Address | None], listen: Address) -> list[ListenSpec]:
    """Group cassettes by address: their own in `own`, or else `listen`.

    Cassettes with the same address share a server, unless its port is 0: that is a new port for
    each.
    """
    specs: dict[object, ListenSpec] = {}
    for index, own_address in enumerate(own):
        address = listen if own_address is None else own_address
        key = index if own_address is not None and own_address.port == 0 else address
        before = specs[key].cassette_indexes if key in specs else ()
        option = "--listen " if own_address is None else "CASSETTE="
        specs[key] = ListenSpec(address, (*before, index), option)
    return list(specs.values()) or [ListenSpec(listen, ())]


async def start(
    server: ReplayServer, specs: Sequence[ListenSpec], tls: ssl.SSLContext | None
) -> list[Address]:
    """Listen on all addresses. Return the real ones; raises CommandError."""
    real: list[Address] = []
    for spec in specs:
        indexes = spec.cassette_indexes if len(specs) > 1 else None
        try:
            real.append(
                Address(*await server.start(*spec.address, tls=tls, cassette_indexes=indexes))
            )
        except OSError as error:
            await server.stop()
            raise CommandError(listen_error_text(spec.address, error, spec.option)) from error
    return real
