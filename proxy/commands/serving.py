"""Serve a playback until a signal, or until the command ends that runs beside it."""

import asyncio
import logging
import os
import signal
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, override
from urllib.parse import urlsplit

from ...cassettes.matching.misses import Miss
from ...cassettes.playback.journal import ReplayNote
from ...cassettes.playback.playback import Playback
from ...cassettes.playback.requirement import REQUIRE_NONE, Requirement
from ...proto.http.address import Address
from ..control.controls import ReplayControls
from ..control.edited_cassettes import EditedCassettes, replay_edited
from ..control.http_api import ControlServer
from ..control.receipt import Receipt, build_receipt, count_replay, digest_cassettes
from ..control.verdict import bypassed_proxy, judge
from ..http.proxy_variables import detour
from ..server.collector import Collector
from ..server.error_answers import describe_failure
from ..server.server import ReplayServer
from ..server.upstream_relay import ResolveUpstream
from ..terminal.live_panel import live_panel
from ..terminal.replay_lines import ReplayLines
from ..terminal.replay_panel import ReplayPanel
from . import listen as addresses
from . import processes
from .console import (
    CommandError,
    OptionError,
    announce_ready,
    interrupts,
    listen_error_text,
    print_json_line,
    print_to_stderr,
    warn_if_exposed,
)
from .miss_colors import report_note
from .outcome import ReplayResult, print_exhausted, print_unused
from .replay_options import ReplayOptions

if TYPE_CHECKING:
    from ..workers.pool import ForkedWorkers, WorkerPool


class AsyncioMessages(logging.Handler):
    """Prints what asyncio logs, like a lack of file descriptors, in one line."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning or an error."""
        print_to_stderr(record.getMessage().partition("\n")[0])


async def serve(
    playback: Playback,
    options: ReplayOptions,
    requirement: Requirement,
    tls: ssl.SSLContext | None,
    begun: Receipt,
    token: str | None,
    workers: "ForkedWorkers | None" = None,
    resolve_upstream: ResolveUpstream | None = None,
    edited: EditedCassettes | None = None,
    *,
    watched: bool,
) -> ReplayResult:
    """Serve until SIGINT or SIGTERM, until the command ends, or the parent if it is `watched`.

    `begun` is the receipt so far, `token` the user's own for the control API, and `workers` answer
    beside this process. Requests without a recorded answer are forwarded to `resolve_upstream`, if
    it is given; then only failures are problems. What is `edited` is replayed anew. Raises
    CommandError.
    """
    failures: list[str] = []
    lines = None
    if options.as_json and not options.quiet:
        lines = ReplayLines(partial(print_json_line, to_stderr=bool(options.command)))

    def fail(exchange: int, error: Exception) -> None:
        failures.append(describe_failure(exchange, error))
        print_to_stderr(failures[-1])
        if lines is not None:
            lines.print_failure(failures[-1])

    def print_note(note: Miss | ReplayNote) -> None:
        report_note(note)
        if lines is not None:
            lines.print_note(note)

    orphaned = asyncio.create_task(processes.wait_for_parent_exit()) if watched else None
    pool = None if workers is None else _begin_pool(workers, fail)
    server = ReplayServer(
        playback,
        on_miss=print_note,
        on_failure=fail,
        on_note=print_note,
        resolve_upstream=resolve_upstream,
        collector=Collector(),
        pass_on=None if pool is None else pool.pass_on,
    )
    if pool is not None:
        pool.begin(server)
    asyncio.get_running_loop().set_exception_handler(server.handle_loop_error)
    logging.getLogger("asyncio").addHandler(AsyncioMessages())
    stopped = _stop_signal()
    servers = addresses.recorded_servers(options, playback.cassettes)
    where = addresses.group_by_address(
        options.own_addresses or (None,) * len(options.cassettes), options.listen, servers
    )
    real = await addresses.start(server, where, tls)
    urls = [f"{'http' if tls is None else 'https'}://{address}" for address in real]
    control: ControlServer | None = None
    controls = ReplayControls(server, pool)
    if lines is not None:
        lines.watch(server)
    watching = None
    if edited is not None:
        watching = asyncio.create_task(_replay_edited(edited, controls, failures))
    try:
        control = await _start_control(controls, options.control, token)
        access = None if control is None else (control.url, control.token)
        if options.faults and not options.quiet:
            print_to_stderr(
                f"faults with seed {options.seed}: {' '.join(playback.fault_hit_counts)}"
            )
        warn_if_exposed(real, "get what the cassettes contain")
        shown = None if control is None else (control.url, control.token if token is None else None)
        _announce(options, where, servers, urls, shown)
        if lines is not None:
            lines.begin()
        if options.command:
            variables = processes.client_environment(urls, access)
            code = await _run_command(options.command, variables, stopped, orphaned)
            await server.drain()
            if pool is not None:
                await pool.synchronize()
                await server.drain()  # What the workers have returned.
            if code:
                print_exhausted(server.stream_registry.states())
        else:
            _warn_of_proxy(urls)
            panel = ReplayPanel(server, lambda: len(failures))
            with live_panel(panel.draw, is_wanted=not options.quiet and not options.as_json):
                code = await _wait_for_stop(stopped, orphaned)
    finally:
        if watching is not None:
            watching.cancel()
        held = _print_held(server)
        hit_counts = server.responder.journal.fault_hit_counts
        for text in server.responder.playback.injection.describe_faults(hit_counts):
            print_to_stderr(text)
        if control is not None:
            await control.stop()
        if pool is not None:
            await pool.stop()  # First: it must not return clients to a server that is closed.
        await server.stop()
    responder = server.responder
    problems = judge(responder, failures, requirement, urls[0])
    print_unused(responder, problems)
    if requirement == REQUIRE_NONE and (warning := bypassed_proxy(responder, urls[0])) is not None:
        print_to_stderr(f"warning: {warning}")
    cassettes, digests = responder.playback.cassettes, begun.cassettes
    if digests and cassettes != playback.cassettes:
        digests = digest_cassettes(cassettes)
    receipt = build_receipt(responder, digests, requirement, held=held, failures=failures)
    return ReplayResult(receipt, problems, code, cassettes)


async def _replay_edited(
    edited: EditedCassettes, controls: ReplayControls, failures: list[str]
) -> None:
    """Replay cassettes anew when they are edited, and print that."""

    def begin() -> None:
        counts = count_replay(controls.server.responder, len(failures))
        print_to_stderr(f"a cassette was edited: replaying anew; until then: {counts}")
        failures.clear()

    def keep(error: Exception) -> None:
        print_to_stderr(f"{error}; until that is corrected, the cassette is replayed as it was")

    await replay_edited(edited, controls, begin, keep)


def _announce(
    options: ReplayOptions,
    where: Sequence[addresses.ListenSpec],
    servers: Sequence[addresses.ServerInFolder | None],
    urls: Sequence[str],
    control: tuple[str, str | None] | None,
) -> None:
    """Print where each cassette plays; `control` is as `announce_ready` takes it."""
    lines: list[tuple[str, str]] = []
    for spec, url in zip(where, urls, strict=True):
        names = ", ".join(addresses.describe_cassettes(options, servers, spec.cassette_indexes))
        lines.append((f"replaying {names} on {url}", url))
    announce_ready(
        *lines[0],
        options.ready_file,
        as_json=options.as_json,
        other_servers=lines[1:],
        control=control,
        to_stderr=bool(options.command),
        is_quiet=options.quiet,
    )


def _print_held(server: ReplayServer) -> list[str]:
    """Print what is still held, or was when its client left. Return the reasons."""
    now, abandoned = server.responder.playback.waiting, server.responder.playback.abandoned_waits
    held = [*now, *(f"{each}; its client has left" for each in abandoned)]
    for reason in held:
        print_to_stderr(f"still held: {reason}")
    return held


async def _wait_for_stop(stopped: asyncio.Event, orphaned: "asyncio.Task[int] | None") -> None:
    """Wait for a signal, or for the end of the parent process."""
    if orphaned is not None:
        orphaned.add_done_callback(lambda _: stopped.set())
    await stopped.wait()
    _print_orphaned(orphaned)


async def _run_command(
    words: Sequence[str],
    variables: dict[str, str],
    stopped: asyncio.Event,
    orphaned: "asyncio.Task[int] | None",
) -> int:
    """Run the command, and terminate it if the replay has to end. Return its exit code."""
    running = await processes.start(words, variables)
    if isinstance(running, int):
        return running
    if stopped.is_set():
        running.terminate()
    if orphaned is not None:
        orphaned.add_done_callback(lambda _: running.terminate())
    code = await running.wait()
    _print_orphaned(orphaned)
    return code


def _print_orphaned(orphaned: "asyncio.Task[int] | None") -> None:
    if orphaned is not None and orphaned.done():
        ended = f"the parent process {orphaned.result()} has ended"
        print_to_stderr(f"{ended}, so the replay ends; pass --stay to continue without it")


def _begin_pool(
    workers: "ForkedWorkers", on_failure: Callable[[int, Exception], object]
) -> "WorkerPool":
    from ..workers.pool import WorkerPool

    return WorkerPool(workers, on_failure)


async def _start_control(
    controls: ReplayControls, listen: Address | None, token: str | None
) -> ControlServer | None:
    """Start the control API if an address is given."""
    if listen is None:
        return None
    control = ControlServer(controls, token)
    try:
        real = await control.start(*listen)
    except ValueError as error:
        way_out = "--control-token-file FILE, with a token of your own, lets other machines in"
        raise OptionError(f"--control {listen}: {error}; {way_out}") from error
    except OSError as error:
        raise CommandError(listen_error_text(listen, error, "--control ")) from error
    warn_if_exposed([real], "control the replay with its token, which is sent unencrypted")
    return control


def _stop_signal() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set, and SIGHUP unless it is ignored (nohup)."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stopped.set)
    interrupts.check()
    return stopped


def _warn_of_proxy(urls: Sequence[str]) -> None:
    """Warn that clients in this environment do not reach the replay."""
    if (name := detour(os.environ, urls[0])) is not None:
        hosts = ",".join(dict.fromkeys(urlsplit(url).hostname or "" for url in urls))
        print_to_stderr(
            f"warning: {name} is set: clients send their requests to that proxy unless NO_PROXY"
            f" has {hosts}"
        )
