"""`mesotape record` in a process of its own, for a test that records.

It records beside the cassette, which stays as it is until the test has passed:

    cassettes/test_scheduler/test_accept.yaml                  the cassette
    cassettes/test_scheduler/.test_accept.yaml.recording-…     while the test runs
    cassettes/test_scheduler/test_accept.failed.yaml           what a test that failed has left
"""

import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import msgspec

from ...proto.api.apis import ServerKind
from ..http.address import Address

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


class RecordingError(OSError):
    """Recording did not work; the text says why."""


class RecorderProcess:
    """Records from when it is made until `keep` or `drop`. Raises RecordError.

    With `append`, what the cassette has stays, and what is recorded now comes after it.
    """

    def __init__(
        self, upstream: str, cassette: Path, *, server: ServerKind = "master", append: bool = False
    ) -> None:
        self._cassette = cassette
        self._output = cassette.with_name(f".{cassette.name}.recording-{os.getpid()}")
        if cassette.suffix == ".gz":
            raise RecordingError(f"{cassette}: cannot be recorded compressed; name it without .gz")
        self._said = ""
        self._errors = self._output.with_name(f"{self._output.name}.log")
        try:
            cassette.parent.mkdir(parents=True, exist_ok=True)
            self._output.unlink(missing_ok=True)
            if append:
                shutil.copyfile(cassette, self._output)
            self._errors.write_text("")
        except OSError as error:
            raise RecordingError(f"{cassette}: cannot be recorded: {error.strerror}") from error
        words = ["record", upstream, "--output", str(self._output), "--server", server]
        words += ["--json", "--end-with-parent", "--append" if append else "--overwrite"]
        with open(self._errors, "w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mesotape.proxy.cli", *words],
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
        """Where it listens."""
        host, _, port = self.url.rpartition("//")[2].rpartition(":")
        return Address(host, int(port))

    @property
    def failed(self) -> Path:
        """Where `drop` leaves what was recorded."""
        return self._cassette.with_name(f"{self._cassette.stem}.failed{self._cassette.suffix}")

    @property
    def failure_note(self) -> str:
        """Say what becomes of the recording of a test that failed."""
        return f"the recording is left in {self.failed}; {self._cassette} is not touched"

    def commit(self) -> None:
        """End, and make the recording the cassette. Raises RecordError if it is not whole."""
        code, said = self._stop()
        if code != 0:
            self._put_aside()
            raise RecordingError(f"recording {self._cassette} failed, exit code {code}: {said}")
        self._output.replace(self._cassette)
        self.failed.unlink(missing_ok=True)

    def rollback(self) -> None:
        """End, and leave the cassette as it was."""
        self._stop()
        self._put_aside()

    def _put_aside(self) -> None:
        if self._output.exists():
            self._output.replace(self.failed)

    def _ready(self) -> str:
        """Wait for the ready line, which has the address."""
        deadline_seconds = time.monotonic() + _START_SECONDS
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(deadline_seconds - time.monotonic()):
                raise RecordingError(f"mesotape record did not start within {_START_SECONDS} s")
        line = self._process.stdout.readline()
        if not line:
            code, said = self._stop()
            raise RecordingError(said or f"mesotape record ended with code {code}")
        return str(msgspec.json.decode(line)["ready"])

    def _stop(self) -> tuple[int, str]:
        """End the process; gives its exit code and what it said."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._errors.exists():
            self._said = self._errors.read_text(errors="replace").strip()
            self._errors.unlink()
        return code, self._said.removeprefix("mesotape: ")


class LazyRecorder:
    """Appends to a cassette, from when somebody first asks for its address."""

    def __init__(self, upstream: str, cassette: Path, *, server: ServerKind = "master") -> None:
        self._start = partial(RecorderProcess, upstream, cassette, server=server, append=True)
        self._started: RecorderProcess | None = None
        self._lock = threading.Lock()

    def address(self) -> Address:
        """Where it listens; starts it if need be. Raises RecordError. Any thread may ask."""
        with self._lock:
            if self._started is None:
                self._started = self._start()
            return self._started.address

    @property
    def failure_note(self) -> str:
        """Say what becomes of the recording of a test that failed."""
        return "" if self._started is None else self._started.failure_note

    def commit(self) -> None:
        """End, and add what was recorded to the cassette. Raises RecordError."""
        if self._started is not None:
            self._started.commit()

    def rollback(self) -> None:
        """End, and leave the cassette as it was."""
        if self._started is not None:
            self._started.rollback()
