"""Starts the server of a test, or of several tests: a replay or a recording.

Depending on the record mode and on the cassettes that exist, `start_session` plays or records.
"""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ...proto.shown_text import escape_message
from ..recorder.recorder_process import LazyRecorder, RecorderProcess, RecordingError
from .session import Session
from .settings import Settings, merge_settings

if TYPE_CHECKING:
    from .reports import RecordingAdvice


def failure(why: str) -> BaseException:
    """Return an exception that fails the test with a text, without a traceback."""
    return pytest.fail.Exception(escape_message(why), pytrace=False)


def read_settings(
    config: pytest.Config, layers: Sequence[Mapping[str, Any]], source: str
) -> Settings:
    """Merge settings over those of the command line; the test fails if `source` has a bad one."""
    defaults, origin = _default_requirement(config)
    try:
        merge_settings([defaults])
        origin = source
        if config.getoption("--mesotape-block-network"):
            defaults["block_network"] = True
        asked = merge_settings([defaults, *layers], config.rootpath)
        asked.playback_options()
    except ValueError as error:
        raise failure(f"{origin}: {error}") from None
    return asked


def cassette_path(path: Path) -> Path:
    """Return a path whose `..` also leads out of a folder that does not exist."""
    return path if path.exists() else Path(os.path.normpath(path))


def start_session(
    config: pytest.Config, target: str, cassettes: Sequence[Path], asked: Settings
) -> Session:
    """Play or record. `target` selects the tests on the command line of pytest; empty means all."""
    mode = _mode(config)
    missing = [path for path in cassettes if not path.exists()]
    if mode == "all" or (missing and mode != "none"):
        return _start_recording(config, target, cassettes, asked)
    advice = _advice(config, target, cassettes, asked)
    if missing:
        raise failure(advice.describe_missing(missing[0]))
    recorder = None
    if mode == "new_episodes":
        upstream = _recording_upstream(config, target, cassettes, asked)
        options = asked.recording_options()
        recorder = LazyRecorder(upstream, cassettes[0], server=asked.server, options=options)
    session = _start_playing(cassettes, asked, advice, recorder)
    try:
        _check_age(config, session)
    except UserWarning as warning:  # With filterwarnings = error.
        session.close(passed=False)
        raise failure(str(warning)) from None
    return session


@contextmanager
def surroundings_of(session: Session) -> Generator[None]:
    """Set the variables that lead child processes to the server, and block the network if asked."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in session.variables.items():
            patch.setenv(name, value)
        if session.network_block is not None:
            stack.enter_context(session.network_block.active())
        yield


def _advice(
    config: pytest.Config, target: str, cassettes: Sequence[Path], asked: Settings
) -> "RecordingAdvice":
    from .reports import RecordingAdvice

    return RecordingAdvice(target, cassettes, asked, _upstream(config, asked))


def _start_playing(
    cassettes: Sequence[Path],
    asked: Settings,
    advice: "RecordingAdvice",
    recorder: LazyRecorder | None,
) -> Session:
    """Play; requests without a recorded answer go to the recorder, if there is one."""
    from ..control.player import Player

    try:
        player = Player(
            cassettes,
            asked.playback_options(),
            require=asked.require if recorder is None else "none",
            clock="manual" if asked.clock is not None else None,
            resolve_upstream=None if recorder is None else recorder.address,
            audience=advice.audience,
        )
    except (ValueError, OSError, UserWarning) as error:  # With filterwarnings = error.
        raise failure(f"cannot play: {error}") from None
    return Session(
        cassettes,
        player=player,
        recorder=recorder,
        strict=asked.strict,
        network_block=asked.network_block(),
    )


def _check_age(config: pytest.Config, session: Session) -> None:
    max_age = config.getoption("--mesotape-max-age") or config.getini("mesotape_max_age")
    if max_age:
        from .age import warn_of_age

        for cassette in session.player.playback.cassettes:
            warn_of_age(cassette.path, cassette.header.began, max_age)


def _start_recording(
    config: pytest.Config, target: str, cassettes: Sequence[Path], asked: Settings
) -> Session:
    upstream = _recording_upstream(config, target, cassettes, asked)
    try:
        options = asked.recording_options()
        recorder = RecorderProcess(upstream, cassettes[0], server=asked.server, options=options)
    except RecordingError as error:
        raise failure(f"cannot record: {error}") from None
    block = asked.network_block()
    return Session(cassettes, recorder=recorder, strict=asked.strict, network_block=block)


def _recording_upstream(
    config: pytest.Config, target: str, cassettes: Sequence[Path], asked: Settings
) -> str:
    """Return the URL to record from; fail the test if there is none."""
    if not target and hasattr(config, "workerinput"):
        why = "its tests run in several processes, each of which would record a part"
        raise failure(f"{cassettes[0]}: {why}: record without -n of pytest-xdist")
    if len(cassettes) > 1:
        names = ", ".join(map(str, cassettes))
        advice = f"record each with `mesotape record URL --output {cassettes[0]}`"
        raise failure(f"a test records one cassette, and this one has {names}: {advice}")
    upstream = _upstream(config, asked)
    if not upstream:
        advice = 'pass --mesotape-upstream=URL, or set upstream="URL" in the marker'
        raise failure(f"nothing to record {cassettes[0]} from: {advice}")
    return upstream


def _default_requirement(config: pytest.Config) -> tuple[dict[str, Any], str]:
    """Return the setting of the command line or the ini file, and its name."""
    asked = config.getoption("--mesotape-require")
    if asked is not None:
        return {"require": asked}, "--mesotape-require"
    return {"require": config.getini("mesotape_require")}, "mesotape_require"


def _mode(config: pytest.Config) -> str:
    """Return the record mode; in CI the one of the ini file does not count."""
    asked = config.getoption("--mesotape-record")
    if asked is None:
        asked = "none" if os.environ.get("CI") else config.getini("mesotape_record")
    return asked


def _upstream(config: pytest.Config, asked: Settings) -> str:
    option = config.getoption("--mesotape-upstream")
    return asked.upstream or option or config.getini("mesotape_upstream")
