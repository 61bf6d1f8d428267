"""The pytest plugin: plays or records a cassette while a test runs.

    def test_the_agents(mesotape):
        assert len(agents(mesotape.url)) == 3

    @pytest.mark.mesotape("two-frameworks.yaml", pace="step")
    def test_step_by_step(mesotape): ...

Every run of pytest loads this module, so the fixture does the slow imports.
"""

import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from .recorder.recorder_process import LazyRecorder
    from .testing.session import Session
    from .testing.settings import Settings
    from .testing.unused import UnusedReport

type RecordMode = Literal["none", "once", "new_episodes", "all"]

MODES: tuple[RecordMode, ...] = ("none", "once", "new_episodes", "all")

_MARKER = (
    "mesotape(*cassettes, pace, causality, ignore, repeat, rebind, fault, require, strict, ...)"
    ": play these cassettes for the test, or the one with its name."
)
UNUSED_MODES = ("off", "report", "fail")

_session = pytest.StashKey["Session"]()
_failed = pytest.StashKey[bool]()
_unused = pytest.StashKey["UnusedReport"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, for the command line and the ini file."""
    group = parser.getgroup("mesotape", "playing and recording Mesos")
    modes = "record mode, as in vcrpy: none, once, new_episodes, all"
    group.addoption("--mesotape-record", choices=MODES, default=None, help=modes)
    group.addoption(
        "--mesotape-upstream", metavar="URL", default=None, help="the Mesos server to record from"
    )
    require = "recorded exchanges that a test must use: any (default), all, none, or CALL,…"
    group.addoption("--mesotape-require", metavar="WHAT", default=None, help=require)
    parser.addini("mesotape_require", require, default="any")
    unused = "report cassettes and exchanges that no test used: off (default), report, fail"
    group.addoption("--mesotape-unused", choices=UNUSED_MODES, default=None, help=unused)
    parser.addini("mesotape_unused", unused, default="off")
    parser.addini("mesotape_record", f"{modes}; ignored where CI is set", default="none")
    parser.addini("mesotape_upstream", "the Mesos server to record from", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and the report. Raises UsageError for an unknown mode."""
    config.addinivalue_line("markers", _MARKER)
    _check_mode(config, "mesotape_record", MODES)
    _check_mode(config, "mesotape_unused", UNUSED_MODES)
    unused = config.getoption("--mesotape-unused") or config.getini("mesotape_unused")
    if unused != "off":
        from .testing import unused as reports

        config.stash[_unused] = reports.UnusedReport(config, unused)
        config.pluginmanager.register(config.stash[_unused], "mesotape-unused")


def _unused_report(config: pytest.Config) -> "UnusedReport | None":
    return config.stash.get(_unused, None)


def _check_mode(config: pytest.Config, name: str, modes: tuple[str, ...]) -> None:
    if (mode := config.getini(name)) not in modes:
        raise pytest.UsageError(f"{name} is {mode!r}, expected one of {', '.join(modes)}")


@pytest.fixture
def mesotape_cassette_dir(request: pytest.FixtureRequest) -> Path | str:
    """Return the folder of a test's cassettes: `cassettes/MODULE` beside the module."""
    return request.path.parent / "cassettes" / request.path.stem


@pytest.fixture
def mesotape_cassette_name(request: pytest.FixtureRequest) -> str:
    """Return the file name of a test's cassette, made of its class names and its own name."""
    from .testing.settings import default_cassette_name

    return default_cassette_name(request.node)


@pytest.fixture
def mesotape_config() -> dict[str, Any]:
    """Return default settings for all tests; those of a marker win."""
    return {}


@pytest.fixture
def mesotape(
    request: pytest.FixtureRequest,
    mesotape_cassette_dir: Path | str,
    mesotape_cassette_name: str,
    mesotape_config: dict[str, Any],
) -> "Generator[Session]":
    """Serve the test's cassette; its URL is `mesotape.url`, and in the variable `MESOTAPE_URL`."""
    asked = _settings(request.node, mesotape_config)
    if (report := _unused_report(request.config)) is not None:
        report.add_folder(Path(mesotape_cassette_dir))
    names = _names(request.node) or (mesotape_cassette_name,)
    cassettes = [_cassette_path(Path(mesotape_cassette_dir) / name) for name in names]
    session = _start_session(request, cassettes, asked)
    request.node.stash[_session], request.node.stash[_failed] = session, False
    with pytest.MonkeyPatch.context() as patch:
        for name, value in session.variables.items():
            patch.setenv(name, value)
        yield session
    _end_session(request.node, session)


@pytest.fixture(autouse=True)
def _mesotape_marked(request: pytest.FixtureRequest) -> None:  # pyright: ignore[reportUnusedFunction]
    """Start the fixture for a test that has the marker and does not request it."""
    if request.node.get_closest_marker("mesotape") is not None:
        request.getfixturevalue("mesotape")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the problems of the replay to the report of a failed test."""
    report = yield
    if call.excinfo is not None:
        item.stash[_failed] = True
    session = item.stash.get(_session, None)
    if report.failed and session is not None:
        if call.when == "call" and (text := session.report()):
            report.sections.append(("mesotape", text))
        if warnings := session.recorder_warnings:
            from .testing.reports import put_first

            put_first(report, [f"mesotape: {each}" for each in warnings])
    return report


def _settings(node: pytest.Item, config: dict[str, Any]) -> "Settings":
    from .testing.settings import merge_settings

    markers = [mark.kwargs for mark in node.iter_markers("mesotape")]
    require, source = _default_requirement(node.config)
    try:
        merge_settings([require])
        source = "@pytest.mark.mesotape" if markers else "mesotape_config"
        asked = merge_settings([require, config, *reversed(markers)], node.config.rootpath)
        asked.playback_options()
    except ValueError as error:
        raise _failure(f"{source}: {error}") from None
    return asked


def _default_requirement(config: pytest.Config) -> tuple[dict[str, str], str]:
    """Return the setting of the command line or the ini file, and its name."""
    asked = config.getoption("--mesotape-require")
    if asked is not None:
        return {"require": asked}, "--mesotape-require"
    return {"require": config.getini("mesotape_require")}, "mesotape_require"


def _names(node: pytest.Item) -> tuple[str, ...]:
    """Return the cassettes of the closest marker that names any."""
    names = next((mark.args for mark in node.iter_markers("mesotape") if mark.args), ())
    for name in names:
        if not isinstance(name, str | os.PathLike):
            raise _failure(f"@pytest.mark.mesotape: {name!r} is not the file name of a cassette")
    return names


def _start_session(
    request: pytest.FixtureRequest, cassettes: list[Path], asked: "Settings"
) -> "Session":
    """Play or record, depending on the mode and on the cassettes that exist."""
    from .recorder.recorder_process import LazyRecorder

    mode = _mode(request.config)
    missing = [path for path in cassettes if not path.exists()]
    if mode == "all" or (missing and mode != "none"):
        return _start_recording(request, cassettes, asked)
    if missing:
        from .testing.reports import describe_missing

        upstream = _upstream(request.config, asked)
        raise _failure(describe_missing(missing[0], request, cassettes, asked, upstream))
    recorder = None
    if mode == "new_episodes":
        upstream = _recording_upstream(request.config, cassettes, asked)
        options = asked.recording_options()
        recorder = LazyRecorder(upstream, cassettes[0], server=asked.server, options=options)
    return _start_playing(request, cassettes, asked, recorder)


def _start_playing(
    request: pytest.FixtureRequest,
    cassettes: list[Path],
    asked: "Settings",
    recorder: "LazyRecorder | None",
) -> "Session":
    """Play; requests without a recorded answer go to the recorder, if there is one."""
    from .control.player import Player
    from .testing.reports import audience_of
    from .testing.session import Session

    beyond = None if recorder is None else recorder.address
    clock = "manual" if asked.clock is not None else None
    try:
        player = Player(
            cassettes,
            asked.playback_options(),
            require=asked.require if recorder is None else "none",
            clock=clock,
            resolve_upstream=beyond,
            audience=audience_of(request, cassettes, asked, _upstream(request.config, asked)),
        )
    except (ValueError, OSError, UserWarning) as error:  # With filterwarnings = error.
        raise _failure(f"cannot play: {error}") from None
    return Session(cassettes, player=player, recorder=recorder, strict=asked.strict)


def _start_recording(
    request: pytest.FixtureRequest, cassettes: list[Path], asked: "Settings"
) -> "Session":
    from .recorder.recorder_process import RecorderProcess, RecordingError
    from .testing.session import Session

    upstream = _recording_upstream(request.config, cassettes, asked)
    try:
        options = asked.recording_options()
        recorder = RecorderProcess(upstream, cassettes[0], server=asked.server, options=options)
    except RecordingError as error:
        raise _failure(f"cannot record: {error}") from None
    return Session(cassettes, recorder=recorder, strict=asked.strict)


def _recording_upstream(config: pytest.Config, cassettes: list[Path], asked: "Settings") -> str:
    """Return the URL to record from; fail the test if there is none."""
    if len(cassettes) > 1:
        names = ", ".join(map(str, cassettes))
        advice = f"record each with `mesotape record URL --output {cassettes[0]}`"
        raise _failure(f"a test records one cassette, and this one has {names}: {advice}")
    upstream = _upstream(config, asked)
    if not upstream:
        advice = 'pass --mesotape-upstream=URL, or set upstream="URL" in the marker'
        raise _failure(f"nothing to record {cassettes[0]} from: {advice}")
    return upstream


def _end_session(node: pytest.Item, session: "Session") -> None:
    """Close the session; problems fail a test that has passed so far."""
    from .recorder.recorder_process import RecordingError

    passed = not node.stash.get(_failed, False)
    try:
        problems = session.close(passed=passed)
    except RecordingError as error:
        problems = str(error)
    if (report := _unused_report(node.config)) is not None:
        report.add_session(node, session, passed=passed and not problems)
    if problems and passed:
        raise _failure(problems)


def _failure(why: str) -> BaseException:
    """Return an exception that fails the test with a text, without a traceback."""
    from ..proto.shown_text import escape_message

    return pytest.fail.Exception(escape_message(why), pytrace=False)


def _mode(config: pytest.Config) -> RecordMode:
    """Return the record mode; in CI the one of the ini file does not count."""
    asked = config.getoption("--mesotape-record")
    if asked is None:
        asked = "none" if os.environ.get("CI") else config.getini("mesotape_record")
    return asked


def _upstream(config: pytest.Config, asked: "Settings") -> str:
    option = config.getoption("--mesotape-upstream")
    return asked.upstream or option or config.getini("mesotape_upstream")


def _cassette_path(path: Path) -> Path:
    """Return a path whose `..` also leads out of a folder that does not exist."""
    return path if path.exists() else Path(os.path.normpath(path))
