"""Long output on a terminal, page by page, as git does it."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator

_DEFAULT_PAGER = "less"

_LESS_OPTIONS = "FRX"
"""End if all fits on the screen, show colours, leave the text on the screen."""


def pager_words() -> list[str]:
    """Return the pager's command line: that of PAGER, else less; empty if there is none."""
    words = shlex.split(os.environ.get("PAGER", _DEFAULT_PAGER))
    if not words or words == ["cat"] or os.environ.get("TERM", "dumb") == "dumb":
        return []
    return words if shutil.which(words[0]) else []


@contextlib.contextmanager
def paged(*, is_wanted: bool) -> Generator[None]:
    """Send what the block writes to stdout through a pager, if that is a terminal.

    A reader who leaves the pager early closes the pipe, so that writes raise BrokenPipeError.
    """
    words = pager_words() if is_wanted and sys.stdout.isatty() else []
    if not words:
        yield
        return
    environment = {"LESS": _LESS_OPTIONS} | os.environ
    pager = subprocess.Popen(words, stdin=subprocess.PIPE, env=environment)
    assert pager.stdin is not None
    terminal = os.dup(sys.stdout.fileno())
    os.dup2(pager.stdin.fileno(), sys.stdout.fileno())
    pager.stdin.close()
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
        os.dup2(terminal, sys.stdout.fileno())  # It closes the pipe.
        os.close(terminal)
        _wait_for(pager)


def _wait_for(pager: "subprocess.Popen[bytes]") -> None:
    """Wait until the reader leaves the pager; Ctrl-C is for the pager."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pager.wait()
    finally:
        signal.signal(signal.SIGINT, handler)
