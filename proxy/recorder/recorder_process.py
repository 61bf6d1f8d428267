"""`mesotape record` as a child process, for a test or a replay that records.

It records beside the cassette, which is not changed until the test has passed:

    cassettes/test_scheduler/test_accept.yaml                  the cassette
    cassettes/test_scheduler/.test_accept.yaml.recording-…     while the test runs
    cassettes/test_scheduler/test_accept.failed.yaml           the recording of a failed test
"""

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from ...cassettes.files.source_file import SourceFile
from ...proto.api.apis import ServerKind
from ...proto.counted import counted
from ...proto.http.address import Address, ServerUrl

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_REPORT_SECONDS = 0.3

_numbers = count(1)
"""Of the recorders of this process, of which several may record the same cassette."""


class RecordingError(OSError):
    """Recording failed; the text gives the reason."""


class RecorderProcess:
    """Records from its creation until `commit` or `rollback`. Raises RecordingError.

    `options` are further ones of `mesotape record`. With `append`, new documents are added to those
    of the cassette.
    """

    def __init__(
        self,
        upstream: str,
        cassette: Path,
        *,
        server: ServerKind = "master",
        options: Sequence[str] = (),
        append: bool = False,
    ) -> None:
        self.upstream = upstream
        self._cassette = cassette
        number = next(_numbers)
        self._output = cassette.with_name(f".{cassette.name}.recording-{os.getpid()}-{number}")
        if cassette.suffix == ".gz":
            raise RecordingError(
                f"{cassette}: expected a name without .gz: recordings are not compressed"
            )
        self._stderr = ""
        self._copied: SourceFile | None = None
        self._proxy_answer_count = 0
        self.exchange_count = 0
        """Of the recording; known when it has ended."""
        self._errors = self._output.with_name(f"{self._output.name}.log")
        try:
            cassette.parent.mkdir(parents=True, exist_ok=True)
            self._output.unlink(missing_ok=True)
            if append:
                self._copied = SourceFile.at(cassette)
                shutil.copyfile(cassette, self._output)
            self._errors.write_text("")
        except OSError as error:
            raise RecordingError(f"{cassette}: cannot be recorded: {error.strerror}") from error
        words = ["record", upstream, "--output", str(self._output), "--server", server]
        words += [*options, "--json", "--quiet", "--end-with-parent"]
        words.append("--append" if append else "--overwrite")
        with open(self._errors, "w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mesotape.proxy.cli", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # Ctrl-C is for pytest, which ends the recorder.
            )
        try:
            self.url = self._ready()
        except BaseException:
            self.rollback()
            raise

    @property
    def address(self) -> Address:
        """The address on which it listens."""
        return ServerUrl.parse(self.url).address

    @property
    def warnings(self) -> list[str]:
        """What the recorder has reported so far, like an upstream that cannot be reached.

        If that is nothing, this waits a moment: a client can have an answer before the report that
        is about it is written.
        """
        deadline_seconds = time.monotonic() + _REPORT_SECONDS
        while self._errors.exists():
            self._stderr = self._errors.read_text(errors="replace")
            is_over = self._process.poll() is not None or time.monotonic() > deadline_seconds
            if self._stderr or is_over:
                break
            time.sleep(0.01)
        text = self._stderr
        return [line.removeprefix("mesotape: ") for line in text.splitlines() if line]

    @property
    def failed(self) -> Path:
        """The file to which `rollback` moves the recording."""
        return self._cassette.with_name(f"{self._cassette.stem}.failed{self._cassette.suffix}")

    @property
    def failure_note(self) -> str:
        """A message with the place of the recording of a failed test."""
        return f"the recording is saved as {self.failed}; {self._cassette} is unchanged"

    def commit(self, *, with_proxy_answers: bool = True) -> None:
        """Stop, and replace the cassette by the recording.

        Raises RecordingError if that failed, or unless `with_proxy_answers` if the upstream has not
        answered a request.
        """
        code, stderr = self._stop()
        if code != 0:
            self._put_aside()
            raise RecordingError(f"recording {self._cassette} failed, exit code {code}: {stderr}")
        if self._proxy_answer_count and not with_proxy_answers:
            self._put_aside()
            count = counted(self._proxy_answer_count, "request")
            raise RecordingError(
                f"{self.upstream} did not answer {count}; the recording is saved as {self.failed}"
            )
        if self._copied is not None and self._copied != SourceFile.at(self._cassette):
            self._put_aside()
            raise RecordingError(
                f"{self._cassette} was changed while its copy was recorded to; the recording is "
                f"saved as {self.failed}"
            )
        self._output.replace(self._cassette)
        self.failed.unlink(missing_ok=True)

    def rollback(self) -> None:
        """Stop, and leave the cassette unchanged."""
        self._stop()
        self._put_aside()

    def _put_aside(self) -> None:
        if self._output.exists():
            self._output.replace(self.failed)

    def _ready(self) -> str:
        """Wait for the ready line, and return its URL."""
        deadline_seconds = time.monotonic() + _START_SECONDS
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(deadline_seconds - time.monotonic()):
                raise RecordingError(f"mesotape record did not start within {_START_SECONDS} s")
        line = self._process.stdout.readline()
        if not line:
            code, stderr = self._stop()
            raise RecordingError(stderr or f"mesotape record ended with code {code}")
        return str(msgspec.json.decode(line)["ready"])

    def _stop(self) -> tuple[int, str]:
        """Stop the process. Return its exit code and its stderr."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._process.stdout is not None and not self._process.stdout.closed:
            with self._process.stdout as output, contextlib.suppress(msgspec.DecodeError, KeyError):
                if code == 0:  # Else a process of the recorder may have it open, too.
                    counts = msgspec.json.decode(output.read())
                    self.exchange_count = counts["exchanges"]
                    self._proxy_answer_count = counts["proxy_answers"]
        if self._errors.exists():
            self._stderr = self._errors.read_text(errors="replace").strip()
            self._errors.unlink()
        return code, self._stderr.removeprefix("mesotape: ")


class LazyRecorder:
    """Appends to a cassette; the recorder starts when its address is first asked for."""

    def __init__(
        self,
        upstream: str,
        cassette: Path,
        *,
        server: ServerKind = "master",
        options: Sequence[str] = (),
    ) -> None:
        self.upstream = upstream
        self._start = partial(
            RecorderProcess, upstream, cassette, server=server, options=options, append=True
        )
        self._started: RecorderProcess | None = None
        self._lock = threading.Lock()

    def address(self) -> Address:
        """Return the address; start the recorder if needed. Thread-safe; raises RecordingError."""
        with self._lock:
            if self._started is None:
                self._started = self._start()
            return self._started.address

    @property
    def failure_note(self) -> str:
        """A message with the place of the recording of a failed test."""
        return "" if self._started is None else self._started.failure_note

    @property
    def exchange_count(self) -> int:
        """How many exchanges were recorded; known when the recording has ended."""
        return 0 if self._started is None else self._started.exchange_count

    @property
    def warnings(self) -> list[str]:
        """What the recorder has reported so far."""
        return [] if self._started is None else self._started.warnings

    def commit(self, *, with_proxy_answers: bool = True) -> None:
        """Stop, and add the recording to the cassette. Raises RecordingError."""
        if self._started is not None:
            self._started.commit(with_proxy_answers=with_proxy_answers)

    def rollback(self) -> None:
        """Stop, and leave the cassette unchanged."""
        if self._started is not None:
            self._started.rollback()
