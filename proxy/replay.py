"""`mesotape replay`: a server that answers from a cassette."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Generator, Sequence
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from ..cassettes.causality import Mode
from ..cassettes.documents import CassetteError
from ..cassettes.misses import Miss
from ..cassettes.pace import Pace, Stepped, parse
from ..cassettes.playback import Options, Playback
from ..cassettes.reader import Cassette
from . import addresses, certificates
from .console import (
    EXIT_FAILURE,
    EXIT_IDLE_FAULT,
    EXIT_MISS,
    Address,
    CommandError,
    announce,
    cannot_listen,
    live_counts,
    say,
)
from .control import Control
from .deck import Deck
from .server import ReplayServer


class ReplayOptions(Struct, frozen=True, kw_only=True):
    """What to replay, how, and where. `pace` is as people write it (cassettes/pace.py).

    `own` are the addresses of those cassettes that have one of their own, in the same order.
    """

    cassettes: tuple[Path, ...]
    own: tuple[Address | None, ...] = ()
    listen: Address = Address("127.0.0.1", 0)
    pace: str = "recorded"
    speed: float | None = None
    max_gap: float | None = None
    start_at: float = 0.0
    control: Address | None = None
    ignore: tuple[str, ...] = ()
    repeat: tuple[str, ...] = ()
    rebind: bool = False
    causality: Mode = "party"
    faults: tuple[str, ...] = ()
    seed: int = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    ready_file: Path | None = None
    as_json: bool = False


class Counts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened in a replay.

    `refused` counts requests that Mesos would refuse and no recorded exchange answers; `unused`
    names exchanges that nobody asked for. If there were to be faults, `faults` says how often each
    struck, and `seed` what they were made with.
    """

    served: int
    refused: int
    missed: int
    failed: int
    unused: tuple[int, ...]
    faults: dict[str, int] | None = None
    seed: int | None = None

    def __str__(self) -> str:
        refused = f", {self.refused} refused" if self.refused else ""
        failed = f", {self.failed} failed" if self.failed else ""
        unused = len(self.unused)
        return f"{self.served} served{refused}, {self.missed} missed, {unused} unused{failed}"


def replay(options: ReplayOptions) -> int:
    """Replay until SIGINT or SIGTERM; gives the exit code. Raises CommandError."""
    played, tls = _played(options), certificates.pair(options.tls_cert, options.tls_key)
    with _opened(options.cassettes) as cassettes:
        for cassette in cassettes:
            for warning in cassette.warnings:
                say(f"warning: {warning}")
        try:
            playback = Playback(cassettes, played)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        counts = asyncio.run(_replay(playback, options, tls))
    _sum_up(counts, options)
    if counts.failed:
        return EXIT_FAILURE
    if counts.missed or counts.refused:
        return EXIT_MISS
    return EXIT_IDLE_FAULT if counts.faults and not all(counts.faults.values()) else 0


async def _replay(playback: Playback, options: ReplayOptions, tls: ssl.SSLContext | None) -> Counts:
    failures: list[Exception] = []

    def fail(exchange: int, error: Exception) -> None:
        failures.append(error)
        say(f"exchange {exchange}: {error}" if exchange else str(error))

    server = ReplayServer(playback, on_miss=_say_miss, on_failure=fail, on_note=say)
    stopped = _stop_signal()
    where = addresses.places(options.own or (None,) * len(options.cassettes), options.listen)
    real = await addresses.start(server, where, tls)
    control: Control | None = None
    try:
        control = await _controlled(server, options.control)
        scheme = "http" if tls is None else "https"
        told: list[tuple[str, str]] = []
        for place, address in zip(where, real, strict=True):
            names = ", ".join(str(options.cassettes[number]) for number in place.cassettes)
            told.append((f"replaying {names} on {scheme}://{address}", f"{scheme}://{address}"))
        if options.faults:
            say(f"faults by seed {options.seed}: {' '.join(playback.faults)}")
        announce(
            *told[0],
            options.ready_file,
            as_json=options.as_json,
            more=told[1:],
            control=None if control is None else (control.url, control.token),
        )
        with live_counts(lambda: str(_counted(server, len(failures)))):
            await stopped.wait()
    finally:
        for reason in server.playback.waiting:
            say(f"still held: {reason}")
        for text in server.playback.faults_report:
            say(text)
        if control is not None:
            await control.stop()
        await server.stop()
    return _counted(server, len(failures))


async def _controlled(server: ReplayServer, listen: Address | None) -> Control | None:
    """Start the control if there is to be one."""
    if listen is None:
        return None
    control = Control(Deck(server))
    try:
        await control.start(*listen)
    except ValueError as error:
        raise CommandError(f"--control {listen}: {error}") from error
    except OSError as error:
        raise CommandError(cannot_listen(listen, error, "--control")) from error
    return control


def _stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _counted(server: ReplayServer, failed: int) -> Counts:
    playback, journal = server.playback, server.journal
    return Counts(
        served=journal.answers,
        refused=journal.refused,
        missed=journal.missed,
        failed=failed,
        unused=tuple(place.exchange for place in server.unused),
        faults={fault: journal.struck[fault] for fault in playback.faults} or None,
        seed=playback.options.seed if playback.faults else None,
    )


def _sum_up(counts: Counts, options: ReplayOptions) -> None:
    if options.as_json:
        click.echo(msgspec.json.encode(counts))
    else:
        say(f"replayed: {counts}")


def _say_miss(miss: Miss) -> None:
    say(str(miss))


def _played(options: ReplayOptions) -> Options:
    try:
        return Options(
            pace=_pace(options),
            causality=options.causality,
            ignore=options.ignore,
            repeat=options.repeat,
            rebind=options.rebind,
            faults=options.faults,
            seed=options.seed,
        )
    except ValueError as error:
        raise CommandError(f"--{error}") from error


def _pace(options: ReplayOptions) -> Pace:
    pace = parse(
        options.pace, speed=options.speed, max_gap=options.max_gap, start_at=options.start_at
    )
    if isinstance(pace, Stepped) and options.control is None:
        raise ValueError("pace step takes --control HOST:PORT, where it is told to go on")
    return pace


@contextlib.contextmanager
def _opened(paths: Sequence[Path]) -> Generator[list[Cassette]]:
    """Open cassettes until the block ends."""
    with contextlib.ExitStack() as stack:
        try:
            yield [stack.enter_context(Cassette.open(path)) for path in paths]
        except CassetteError as error:
            raise CommandError(str(error)) from error
