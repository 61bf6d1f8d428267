"""Servers that several tests share: the value of the fixture `mesotape_server`.

    @pytest.fixture(scope="module")
    def master(mesotape_server):
        with mesotape_server("tests/cassettes/master.yaml", pace="step") as master:
            yield master

A request without a recorded answer fails the test during which it was made. What was left out is
known only at the end of the block, and only if all tests ran.
"""

from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..recorder.recorder_process import RecordingError
from .selection import is_selected_run
from .servers import cassette_path, failure, read_settings, start_session, surroundings_of
from .session import Session
from .unused import UnusedReport


class ServerFactory:
    """Starts servers; paths of cassettes are relative to the root folder of pytest."""

    def __init__(
        self, config: pytest.Config, defaults: Mapping[str, Any], unused: UnusedReport | None
    ) -> None:
        self._config = config
        self._defaults = defaults
        self._unused = unused
        self._open = list[_SharedSession]()

    @contextmanager
    def __call__(self, *cassettes: str | Path, **settings: Any) -> Generator[Session]:
        """Play or record during a `with` block; `settings` are the keywords of the marker."""
        if not cassettes:
            raise failure("mesotape_server: expected the path of a cassette")
        asked = read_settings(self._config, [self._defaults, settings], "mesotape_server")
        paths = [cassette_path(self._config.rootpath / name) for name in cassettes]
        session = start_session(self._config, "", paths, asked)
        shared = _SharedSession(session)
        self._open.append(shared)
        has_ended = False
        try:
            with surroundings_of(session):
                yield session
            has_ended = True
        finally:
            self._open.remove(shared)
            shared.has_failed |= not has_ended
            is_whole = shared.is_inside_a_test or not is_selected_run(self._config)
            problems = shared.close(is_whole=is_whole)
            if self._unused is not None:
                self._unused.add_session(session, passed=shared.has_passed and not problems)
        if problems:
            raise failure(problems)

    @property
    def recorder_warnings(self) -> list[str]:
        """What the recorders of the servers have reported."""
        return [text for each in self._open for text in each.session.recorder_warnings]

    def new_problems(self) -> str:
        """Return the problems of requests since the last call, one per line."""
        return "\n".join(text for each in self._open for text in each.new_problems())

    def add_outcome(self, report: pytest.TestReport) -> None:
        """Take note of a test that failed, or that did not run to its end."""
        for each in self._open:
            each.is_inside_a_test = False
            each.has_failed |= report.failed
            each.has_skipped |= report.skipped

    def add_to_report(self, report: pytest.TestReport) -> None:
        """Add new problems, and what the recorders say, to the report of a test that failed."""
        notes = [each.session.failure_note for each in self._open]
        if text := "\n".join(filter(None, [self.new_problems(), *notes])):
            report.sections.append(("mesotape", text))


class _SharedSession:
    """A session, and what its tests have come to so far."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._reported = Counter[str]()
        self.is_inside_a_test = True
        self.has_failed = False
        self.has_skipped = False

    @property
    def has_passed(self) -> bool:
        """Whether all tests since the start have run to their end without a failure."""
        return not self.has_failed and not self.has_skipped

    def new_problems(self) -> list[str]:
        """Return the problems of requests since the last call."""
        problems = Counter(self.session.request_problems())
        new = problems - self._reported
        self._reported = problems
        return list(new.elements())

    def close(self, *, is_whole: bool) -> str:
        """Close the session. Return the problems that no test was told, one per line."""
        is_checked = is_whole and self.has_passed and not self._reported
        try:
            problems = self.session.close(passed=not self.has_failed)
        except RecordingError as error:
            return str(error)
        return problems if is_checked else "\n".join(self.new_problems())
