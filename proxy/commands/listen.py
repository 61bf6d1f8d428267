"""The addresses of a replay, the cassettes that each serves, and the token of its control API.

    mesotape replay master.yaml agent.yaml                      both on --listen
    mesotape replay master.yaml agent.yaml=127.0.0.1:5051       the agent on its own address

All addresses belong to one replay: one clock, one journal, one causality.
"""

import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...proto.http.address import Address
from ..server.server import ReplayServer
from .console import CommandError, listen_error_text

_MIN_TOKEN_BYTES, _MAX_TOKEN_BYTES = 16, 1024
_TOKEN = re.compile(f"[!-~]{{{_MIN_TOKEN_BYTES},{_MAX_TOKEN_BYTES}}}")


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


def read_token(path: Path) -> str:
    """Read a token for the control API from a file. Raises CommandError."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_TOKEN_BYTES + 2).decode("latin-1").strip()
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    if not _TOKEN.fullmatch(text):
        raise CommandError(
            f"{path}: expected a token of {_MIN_TOKEN_BYTES} to {_MAX_TOKEN_BYTES} characters "
            "without blanks, as `openssl rand -hex 32` makes one"
        )
    return text


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
