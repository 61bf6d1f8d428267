"""The pytest plugin: plays or records a cassette while a test runs.

    def test_the_agents(mesotape):
        assert len(agents(mesotape.url)) == 3

    @pytest.mark.mesotape("two-frameworks.yaml", pace="step")
    def test_step_by_step(mesotape): ...

Every run of pytest loads this module, so the fixture does the slow imports.
"""

import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from .testing.session import Session
    from .testing.settings import Settings
    from .testing.shared_servers import ServerFactory
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
_factory = pytest.StashKey["ServerFactory"]()
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
    age = "warn of cassettes that were recorded longer ago: 36h, 90d, 12w"
    group.addoption("--mesotape-max-age", metavar="AGE", default=None, help=age)
    parser.addini("mesotape_max_age", age, default="")
    block = "refuse connections to other machines while a test uses mesotape"
    group.addoption("--mesotape-block-network", action="store_true", help=block)
    unused = "report cassettes and exchanges that no test used: off (default), report, fail"
    group.addoption("--mesotape-unused", choices=UNUSED_MODES, default=None, help=unused)
    parser.addini("mesotape_unused", unused, default="off")
    parser.addini("mesotape_record", f"{modes}; ignored where CI is set", default="none")
    parser.addini("mesotape_upstream", "the Mesos server to record from", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and the report. Raises UsageError for an unknown mode or age."""
    config.addinivalue_line("markers", _MARKER)
    _check_mode(config, "mesotape_record", MODES)
    _check_mode(config, "mesotape_unused", UNUSED_MODES)
    if max_age := config.getoption("--mesotape-max-age") or config.getini("mesotape_max_age"):
        from .testing.age import parse_age

        try:
            parse_age(max_age)
        except ValueError as error:
            raise pytest.UsageError(f"mesotape_max_age: {error}") from None
    unused = config.getoption("--mesotape-unused") or config.getini("mesotape_unused")
    if unused != "off":
        from .testing import unused as reports

        config.stash[_unused] = reports.UnusedReport(config, unused)
        config.pluginmanager.register(config.stash[_unused], "mesotape-unused")


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Record that some tests were not selected."""
    from .testing.selection import DESELECTED

    for item in items[:1]:
        item.config.stash[DESELECTED] = True


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


@pytest.fixture(scope="session")
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
    from .testing.reports import command_line_id
    from .testing.servers import cassette_path, start_session, surroundings_of

    asked = _settings(request.node, mesotape_config)
    if (report := _unused_report(request.config)) is not None:
        report.add_folder(Path(mesotape_cassette_dir))
    names = _names(request.node) or (mesotape_cassette_name,)
    cassettes = [cassette_path(Path(mesotape_cassette_dir) / name) for name in names]
    target = command_line_id(request.node)
    session = start_session(request.config, target, cassettes, asked)
    request.node.stash[_session] = session
    with surroundings_of(session):
        yield session
    _end_session(request.node, session)


@pytest.fixture(scope="session")
def mesotape_server(
    request: pytest.FixtureRequest, mesotape_config: dict[str, Any]
) -> "ServerFactory":
    """Return a function that serves cassettes during a `with` block, for a fixture of any scope."""
    from .testing.shared_servers import ServerFactory

    config = request.config
    config.stash[_factory] = ServerFactory(config, mesotape_config, _unused_report(config))
    return config.stash[_factory]


@pytest.fixture(autouse=True)
def _mesotape_marked(request: pytest.FixtureRequest) -> Generator[None]:  # pyright: ignore[reportUnusedFunction]
    """Start the fixture for a test that has the marker, and check the servers that tests share."""
    request.node.stash[_failed] = False
    if request.node.get_closest_marker("mesotape") is not None:
        request.getfixturevalue("mesotape")
    yield
    factory = request.config.stash.get(_factory, None)
    if factory is not None and (problems := factory.new_problems()):
        from .testing.servers import failure

        if not request.node.stash.get(_failed, False):
            raise failure(problems)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the problems of the replay to the report of a failed test."""
    report = yield
    if call.excinfo is not None:
        item.stash[_failed] = True
    warnings: list[str] = []
    if (factory := item.config.stash.get(_factory, None)) is not None:
        factory.add_outcome(report)
        if report.failed:
            warnings += factory.recorder_warnings
        if report.failed and call.when == "call":
            factory.add_to_report(report)
    if (session := item.stash.get(_session, None)) is not None:
        if report.failed:
            warnings += session.recorder_warnings
        if report.failed and call.when == "call" and (text := session.report()):
            report.sections.append(("mesotape", text))
    if warnings:
        from .testing.reports import put_first

        put_first(report, [f"mesotape: {each}" for each in warnings])
    return report


def _settings(node: pytest.Item, config: dict[str, Any]) -> "Settings":
    from .testing.servers import read_settings

    markers = [mark.kwargs for mark in node.iter_markers("mesotape")]
    source = "@pytest.mark.mesotape" if markers else "mesotape_config"
    return read_settings(node.config, [config, *reversed(markers)], source)


def _names(node: pytest.Item) -> tuple[str, ...]:
    """Return the cassettes of the closest marker that names any."""
    from .testing.servers import failure

    names = next((mark.args for mark in node.iter_markers("mesotape") if mark.args), ())
    for name in names:
        if not isinstance(name, str | os.PathLike):
            raise failure(f"@pytest.mark.mesotape: {name!r} is not the file name of a cassette")
    return names


def _end_session(node: pytest.Item, session: "Session") -> None:
    """Close the session; problems fail a test that has passed so far."""
    from .recorder.recorder_process import RecordingError
    from .testing.servers import failure

    passed = not node.stash.get(_failed, False)
    try:
        problems = session.close(passed=passed)
    except RecordingError as error:
        problems = str(error)
    if (report := _unused_report(node.config)) is not None:
        report.add_session(session, passed=passed and not problems)
    if problems and passed:
        raise failure(problems)
