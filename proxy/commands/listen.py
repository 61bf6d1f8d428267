"""The addresses of a replay, the cassettes that each serves, and the token of its control API.

    mesotape replay master.yaml agent.yaml                      both on --listen
    mesotape replay master.yaml agent.yaml=127.0.0.1:5051       the agent on its own address
    mesotape replay s3://bucket/2026-11-30                      each recorded server on its own

All addresses belong to one replay: one clock, one journal, one causality.
"""

import re
import ssl
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from ...cassettes.storage.finding import cassettes_in
from ...cassettes.storage.reader import Cassette
from ...proto.counted import counted
from ...proto.http.address import Address
from ..server.server import ReplayServer
from .console import CommandError, listen_error_text
from .replay_options import ReplayOptions

_MIN_TOKEN_BYTES, _MAX_TOKEN_BYTES = 16, 1024
_TOKEN = re.compile(f"[!-~]{{{_MIN_TOKEN_BYTES},{_MAX_TOKEN_BYTES}}}")


class ListenSpec(NamedTuple):
    """An address to listen on, the indexes of the cassettes that it serves, what it is set by."""

    address: Address
    cassette_indexes: tuple[int, ...]
    option: str = "--listen "


class ServerInFolder(NamedTuple):
    """A server of which a folder has cassettes: those with equal values play on one address."""

    folder: Path
    kind: str | None
    upstream: str | None


def with_folders(options: ReplayOptions) -> ReplayOptions:
    """Name the cassettes in a folder instead of the folder. Raises CommandError."""
    own = options.own_addresses or (None,) * len(options.cassettes)
    named: list[tuple[Path, Address | None, Path | None]] = []
    for path, address in zip(options.cassettes, own, strict=True):
        if not path.is_dir():
            named.append((path, address, None))
            continue
        if not (found := cassettes_in(path)):
            raise CommandError(f"{path}: there is no cassette in this folder")
        named += [(each, address, path) for each in found]
    cassettes, own_addresses, folders = zip(*named, strict=True)
    return replace(options, cassettes=cassettes, own_addresses=own_addresses, folders=folders)


def recorded_servers(
    options: ReplayOptions, cassettes: Sequence[Cassette]
) -> list[ServerInFolder | None]:
    """Return the server of each cassette of a folder, None for those that were named."""
    folders = options.folders or (None,) * len(cassettes)
    return [
        None if folder is None else ServerInFolder(folder, header.server, header.upstream)
        for folder, header in zip(folders, (each.header for each in cassettes), strict=True)
    ]


def by_server(
    options: ReplayOptions, cassettes: Sequence[Cassette]
) -> tuple[ReplayOptions, list[Cassette]]:
    """Put the cassettes of each server of a folder side by side, in the order of their times."""
    servers = recorded_servers(options, cassettes)

    def place(number: int) -> tuple[int, float]:
        if (server := servers[number]) is None:
            return number, 0
        return servers.index(server), cassettes[number].header.began.timestamp()

    order = sorted(range(len(cassettes)), key=place)
    ordered = replace(
        options,
        cassettes=tuple(options.cassettes[each] for each in order),
        own_addresses=tuple(options.own_addresses[each] for each in order),
        folders=tuple(options.folders[each] for each in order),
    )
    return ordered, [cassettes[each] for each in order]


def describe_cassettes(
    options: ReplayOptions, servers: Sequence[ServerInFolder | None], indexes: Sequence[int]
) -> list[str]:
    """Return the names of cassettes for the ready line; those of a folder are counted."""
    counts = Counter(servers[index] or options.cassettes[index] for index in indexes)
    return [
        str(each) if isinstance(each, Path) else _describe_server(each, count)
        for each, count in counts.items()
    ]


def _describe_server(server: ServerInFolder, cassette_count: int) -> str:
    name = " ".join(filter(None, (server.kind, server.upstream))) or "an unnamed server"
    return f"{counted(cassette_count, 'cassette')} of {name} in {server.folder}"


def group_by_address(
    own: Sequence[Address | None], listen: Address, servers: Sequence[ServerInFolder | None] = ()
) -> list[ListenSpec]:
    """Group cassettes by address: their own in `own`, or else `listen`.

    Cassettes with the same address share a server, unless its port is 0: that is a new port for
    each. Of a folder, `servers` has the server of each cassette: the first one has the address,
    and each other one a new port.
    """
    specs: dict[Hashable, ListenSpec] = {}
    first_servers: dict[Path, ServerInFolder] = {}
    for index, own_address in enumerate(own):
        address = listen if own_address is None else own_address
        option = "--listen " if own_address is None else "CASSETTE="
        recorded = servers[index] if servers else None
        has_new_port = own_address is not None and own_address.port == 0
        key: Hashable = index if has_new_port else address
        if recorded is not None:
            is_first = first_servers.setdefault(recorded.folder, recorded) == recorded
            key = recorded if has_new_port or not is_first else address
            address = address if is_first else Address(address.host, 0)
        before = specs[key].cassette_indexes if key in specs else ()
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
