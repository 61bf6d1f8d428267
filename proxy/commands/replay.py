"""`mesotape replay`: serve cassettes."""

import asyncio
import contextlib
import ssl
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from ...cassettes.answers.pace import Pace, Stepped, parse_pace
from ...cassettes.files.object_path import ObjectPath
from ...cassettes.format.documents import CassetteError
from ...cassettes.playback.playback import Options, Playback
from ...cassettes.playback.requirement import Requirement, parse_requirement
from ...cassettes.scanning.rule_files import RuleFileError, read_rules
from ...cassettes.storage.reader import Cassette
from ...cassettes.validation.judge import describe_warnings, open_for_playing
from ..ci.reported_replay import ReportedReplay
from ..control.edited_cassettes import EditedCassettes
from ..control.receipt import Receipt, digest_cassettes
from . import certificates, processes
from . import listen as addresses
from .console import (
    CommandError,
    OptionError,
    check_folder,
    interrupts,
    print_result,
    print_to_stderr,
    write_file_atomically,
)
from .messages import messages
from .missing_answers import end_recording, recording_misses
from .outcome import ReplayResult, print_counts
from .replay_options import ReplayOptions
from .serving import serve

if TYPE_CHECKING:
    from ..workers.pool import ForkedWorkers


def replay(options: ReplayOptions) -> int:
    """Replay until SIGINT or SIGTERM, or until the command ends. Return the exit code.

    Raises CommandError.
    """
    watched = processes.is_bound_to_parent(options.end_with_parent)
    processes.raise_descriptor_limit()
    playback_options, requirement = _playback_options(options), _requirement(options)
    token = _control_token(options)
    for path in filter(None, (options.junit, options.summary_file)):
        check_folder(path)
    tls = certificates.load_server_context(options.tls_cert, options.tls_key)
    with _opened_files() as files:
        options = addresses.with_folders(options)
        options, cassettes = addresses.by_server(options, _open_all(options, files))
        try:
            playback = Playback(cassettes, playback_options)
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        _check_requirement(requirement, playback)
        begun = Receipt(cassettes=[])
        if options.receipt is not None:
            begun = Receipt(cassettes=digest_cassettes(cassettes))
            write_file_atomically(options.receipt, begun.text())
        recorder = files.enter_context(recording_misses(options, cassettes))
        edited = _watch(options, playback, requirement)
        if edited is not None:
            files.callback(edited.close)
        workers = _fork_workers(playback, options, tls)
        with interrupts.deferred():
            ended = asyncio.run(
                serve(
                    playback,
                    options,
                    requirement,
                    tls,
                    begun,
                    token,
                    workers,
                    None if recorder is None else recorder.address,
                    edited,
                    watched=watched,
                )
            )
        _write_reports(options, ended)
        if recorder is not None:
            end_recording(recorder, options, is_success=not ended.command_exit_code)
    return ended.exit_code


def _write_reports(options: ReplayOptions, ended: ReplayResult) -> None:
    """Write the receipt and the reports for CI that are wanted, and print the counts."""
    if options.receipt is not None:
        done = msgspec.structs.replace(
            ended.receipt, ended=True, exit_code=ended.exit_code, command=ended.command_exit_code
        )
        write_file_atomically(options.receipt, done.text())
    _write_ci_reports(
        options, ReportedReplay(ended.receipt, ended.problems, ended.exit_code, ended.cassettes)
    )
    print_counts(
        ended.receipt,
        as_json=options.as_json,
        is_quiet=options.quiet,
        to_stderr=bool(options.command),
    )


def _write_report(path: Path, mode: Literal["w", "a"], text: str) -> None:
    """Write a report, which a CI system may read as another user. Raises CommandError."""
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error


def _write_ci_reports(options: ReplayOptions, replay: ReportedReplay) -> None:
    if options.junit is not None:
        from ..ci.junit import junit_text

        _write_report(options.junit, "w", junit_text(replay))
    if options.summary_file is not None:
        from ..ci.markdown import markdown_text

        _write_report(options.summary_file, "a", markdown_text(replay))
    if options.is_github:
        from ..ci.annotations import replay_annotations

        for line in replay_annotations(replay):
            print_result(line, to_stderr=bool(options.command))


def _fork_workers(
    playback: Playback, options: ReplayOptions, tls: ssl.SSLContext | None
) -> "ForkedWorkers | None":
    """Fork the processes that answer beside this one, if they are wanted."""
    if options.workers == 1:
        return None
    from ..workers.pool import fork_workers

    if options.faults:
        raise OptionError("--workers: faults are counted by one process; leave out --fault")
    if options.rebind:
        raise OptionError("--workers: ids are translated by one process; leave out --rebind")
    messages.flush()  # By its thread, which the workers do not have.
    try:
        forked = fork_workers(
            playback, options.workers, tls, keeps_calls=options.control is not None
        )
    except ValueError as error:
        raise CommandError(f"--workers: {error}; leave out --workers") from error
    except OSError as error:
        raise CommandError(f"--workers {options.workers}: {error.strerror}") from error
    return forked


def _control_token(options: ReplayOptions) -> str | None:
    """Return the user's own token for the control API; None if one is to be made."""
    if options.control_token_file is None:
        return None
    if options.control is None:
        raise OptionError("--control-token-file needs --control HOST:PORT")
    return addresses.read_token(options.control_token_file)


def _requirement(options: ReplayOptions) -> Requirement:
    default = "any" if options.command else "none"
    try:
        return parse_requirement(default if options.require is None else options.require)
    except ValueError as error:
        raise OptionError(f"--{error}") from error


def _check_requirement(requirement: Requirement, playback: Playback) -> None:
    try:
        requirement.check(playback)
    except ValueError as error:
        raise CommandError(f"--{error}") from error


def _playback_options(options: ReplayOptions) -> Options:
    try:
        return Options(
            pace=_pace(options),
            causality=options.causality,
            ignore=options.ignore,
            repeat=options.repeat,
            rebind=options.rebind,
            own_rules=() if options.redact_rules is None else read_rules(options.redact_rules),
            faults=options.faults,
            seed=options.seed,
        )
    except RuleFileError as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise OptionError(f"--{error}") from error


def _pace(options: ReplayOptions) -> Pace:
    pace = parse_pace(
        options.pace, speed=options.speed, max_gap=options.max_gap, start_at=options.start_at
    )
    if isinstance(pace, Stepped) and options.control is None:
        raise ValueError("pace step needs --control 127.0.0.1:0, to release the events")
    return pace


@contextlib.contextmanager
def _opened_files() -> Generator[contextlib.ExitStack]:
    """Return a stack that closes cassettes; a CassetteError in the block is a CommandError."""
    with contextlib.ExitStack() as files:
        try:
            yield files
        except CassetteError as error:
            raise CommandError(str(error)) from error


def _open_all(options: ReplayOptions, files: contextlib.ExitStack) -> list[Cassette]:
    return [files.enter_context(_open(path, options.watch)) for path in options.cassettes]


def _watch(
    options: ReplayOptions, playback: Playback, requirement: Requirement
) -> EditedCassettes | None:
    """Return what opens edited cassettes, if it is wanted."""
    if not options.watch:
        return None
    if options.workers > 1 or options.record_misses:
        other = "--workers" if options.workers > 1 else "--record-misses"
        raise OptionError(f"expected --watch or {other}, not both")
    for path in options.cassettes:
        if isinstance(path, ObjectPath) or not path.is_file():
            raise CommandError(f"--watch: {path} is not a file that can be edited")

    def open_playback(files: contextlib.ExitStack) -> Playback:
        edited = Playback(_open_all(options, files), playback.options)
        requirement.check(edited)
        return edited

    return EditedCassettes(playback, open_playback)


def _open(path: Path, is_copied: bool) -> Cassette:
    cassette, warnings = open_for_playing(path, is_copied=is_copied)
    for text in describe_warnings(path, warnings):
        print_to_stderr(f"warning: {text}")
    return cassette
