"""The report of a run of pytest: cassettes that no test used, exchanges that nothing used.

    --mesotape-unused=report|fail

Each process that runs tests (one, or the workers of xdist) collects a `Usage`. The process that
prints the summary merges them, and compares them with the files in the folders of the tests.

A test that did not run may use any of the cassettes that bear a name it could ask for, so these are
not reported. If only some tests were selected, nothing is: what they leave unused proves nothing.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from msgspec import Struct, field

from ...cassettes.format.documents import CassetteError
from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.storage.opening import open_for_reading
from ...cassettes.storage.reader import Cassette
from ...proto.shown_text import escape_line
from ..control.verdict import describe_exchange
from .selection import selections
from .session import Session
from .settings import default_cassette_name

type UnusedMode = Literal["off", "report", "fail"]

_MAX_NAMED = 10
"""Exchanges that are named for one cassette."""

_CASSETTE = re.compile(r"[^.].*(?<!\.failed)\.ya?ml(?:\.gz)?")
_KEY = "mesotape_usage"
_FOLDER = "cassettes"


class Usage(Struct):
    """What the tests of one process used.

    `modules` are the collected files, and `folders` those that the tests that ran have cassettes
    in. `unused` has the exchanges that no test used, by the cassette; a cassette is in it once a
    test has used it. `pending` are tests that use a cassette and have not run, with the file names
    that they may ask for; None is any. `partial` are reasons why there may be other tests.
    """

    modules: set[str] = field(default_factory=set[str])
    folders: set[str] = field(default_factory=set[str])
    unused: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    pending: dict[str, list[str] | None] = field(default_factory=dict[str, list[str] | None])
    finished: set[str] = field(default_factory=set[str])
    partial: set[str] = field(default_factory=set[str])

    def merge(self, other: "Usage") -> None:
        """Add what the tests of another process used."""
        self.modules |= other.modules
        self.folders |= other.folders
        for cassette, unused in other.unused.items():
            self.add_cassette(cassette, unused)
        self.finished |= other.finished
        merged = self.pending | other.pending
        self.pending = {test: merged[test] for test in merged.keys() - self.finished}
        self.partial |= other.partial

    def add_cassette(self, cassette: str, unused: set[int]) -> None:
        """Add a use of a cassette, and the exchanges that this use left."""
        self.unused[cassette] = self.unused.get(cassette, unused) & unused


class UnusedReport:
    """A plugin of pytest that collects the usage of a run and reports it at the end."""

    def __init__(self, config: pytest.Config, mode: UnusedMode) -> None:
        self._config = config
        self._mode = mode
        self._usage = Usage()
        self._lines: list[str] = []

    def add_session(self, session: Session, *, passed: bool) -> None:
        """Record what tests have used. Those that have not passed may have stopped anywhere."""
        unused: dict[str, set[int]] = {str(path.resolve()): set() for path in session.cassettes}
        if passed and not session.recording:
            for each in session.receipt()["unused"]:
                unused[str(Path(each["cassette"]).resolve())].add(each["exchange"])
        for cassette, exchanges in unused.items():
            self._usage.add_cassette(cassette, exchanges)

    def add_folder(self, folder: Path) -> None:
        """Record the folder that the cassettes of a test are in."""
        self._usage.folders.add(str(folder.resolve()))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Record the tests that are about to run."""
        for item in session.items:
            self._usage.modules.add(str(item.path.resolve()))
            marked = item.get_closest_marker("mesotape") is not None
            fixtures: Sequence[str] = getattr(item, "fixturenames", ())
            if "mesotape_server" in fixtures:
                self._usage.pending[item.nodeid] = None
            elif marked or "mesotape" in fixtures:
                self._usage.pending[item.nodeid] = _possible_names(item)

    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Record that a test has got its fixtures; what these play is added when it is over."""
        self._usage.finished.add(item.nodeid)
        self._usage.pending.pop(item.nodeid, None)

    def pytest_deselected(self) -> None:
        """Record that some tests were not selected."""
        self._usage.partial.add("tests were deselected")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Record that the tests of a module are unknown."""
        if not report.passed:
            self._usage.partial.add(f"{report.nodeid or 'a module'} was not collected")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add what a worker of xdist has sent."""
        output = getattr(node, "workeroutput", {})
        if _KEY in output:
            self._usage.merge(msgspec.convert(output[_KEY], Usage))
        else:
            self._usage.partial.add("a worker crashed")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send the usage to the process that reports, or compare it with the files."""
        if session.shouldstop or session.shouldfail:
            self._usage.partial.add("the run was stopped")
        if hasattr(self._config, "workerinput"):
            output: dict[str, Any] = getattr(self._config, "workeroutput")  # noqa: B009
            output[_KEY] = msgspec.to_builtins(self._usage)
            return
        if self._config.option.collectonly or not self._usage.modules:
            return
        if None in self._usage.pending.values():
            self._usage.partial.add("a test that did not run may use any cassette")
        partial = sorted({*self._usage.partial, *selections(self._config)})
        if partial:
            self._lines = [f"not checked, because only some tests may have run: {partial[0]}"]
            return
        self._lines = list(self._unused_lines())
        if self._lines and self._mode == "fail" and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the report."""
        if self._lines:
            terminalreporter.section("unused cassettes", sep="-")
            for line in self._lines:
                terminalreporter.line(escape_line(line))

    def _unused_lines(self) -> Iterator[str]:
        usage, covered = self._usage, _covered_folders(self._config)
        claimed = {name for names in usage.pending.values() for name in names or ()}
        for path in sorted({*map(Path, usage.unused), *self._files()}):
            if path.name in claimed or not any(path.is_relative_to(each) for each in covered):
                continue
            shown = os.path.relpath(path, self._config.invocation_params.dir)
            if str(path) not in usage.unused:
                yield f"{shown}: no test used it"
            elif exchanges := usage.unused[str(path)]:
                yield from _describe_exchanges(shown, path, sorted(exchanges))

    def _files(self) -> Iterator[Path]:
        """Find the cassettes that tests of this run could have used."""
        modules = set(map(Path, self._usage.modules))
        roots = {module.parent / _FOLDER for module in modules}
        for root in {*roots, *map(Path, self._usage.folders)}:
            for path in root.rglob("*"):
                folder = path.relative_to(root).parts[0]
                module = root.parent / f"{folder}.py"
                is_foreign = root in roots and module.exists() and module not in modules
                if _CASSETTE.fullmatch(path.name) and not is_foreign and _is_cassette(path):
                    yield path


def _possible_names(item: pytest.Item) -> list[str] | None:
    """Return the names of the cassettes that a test may use; None if they are not known."""
    for mark in item.iter_markers("mesotape"):
        if mark.args:
            return [Path(str(name)).name for name in mark.args]
    manager: Any = getattr(item.session, "_fixturemanager")  # noqa: B009
    if len(manager.getfixturedefs("mesotape_cassette_name", item) or ()) > 1:
        return None
    return [default_cassette_name(item)]


def _covered_folders(config: pytest.Config) -> Iterable[Path]:
    """Return the folders all of whose tests were selected.

    That is what the command line names: folders, or files with the folder of their cassettes.
    """
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return [config.rootpath.resolve()]
    paths = [(config.invocation_params.dir / argument).resolve() for argument in config.args]
    return [path.parent / _FOLDER / path.stem if path.is_file() else path for path in paths]


def _is_cassette(path: Path) -> bool:
    """Return whether a file is a cassette, or the first part of one."""
    try:
        file, _ = open_for_reading(path)
    except CassetteError:
        return False
    try:
        head = file.pread(4096, 0).partition(b"\n...\n")[0]
        is_later_part = re.search(rb"^part:", head, re.MULTILINE) is not None
        return re.search(rb"^mesotape:", head, re.MULTILINE) is not None and not is_later_part
    finally:
        file.close()


def _describe_exchanges(shown: str, path: Path, exchanges: list[int]) -> Iterator[str]:
    with Cassette.open(path, lenient=True) as cassette:
        yield f"{shown}: {len(exchanges)} of {len(cassette)} exchanges were not used"
        for number in islice(exchanges, _MAX_NAMED):
            yield f"  {describe_exchange([cassette], ExchangeRef(0, number), path=shown)}"
    if len(exchanges) > _MAX_NAMED:
        yield f"  and {len(exchanges) - _MAX_NAMED} more"
