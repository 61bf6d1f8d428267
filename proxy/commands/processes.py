"""Other processes: the command that a replay runs, and the process that started this one.

    mesotape replay cassette.yaml -- pytest

The command shares the terminal and the process group with mesotape, gets the signals that mesotape
gets, and on Linux a SIGTERM if mesotape is killed.

A server whose parent process is gone cannot be stopped any more, so it ends. To let one live on,
start it in the usual ways: with `nohup`, which makes it ignore SIGHUP, or with `&` in a script,
which makes it ignore SIGINT (POSIX, Shell Command Language, 2.11). A process that was orphaned
before it looked is not watched.
"""

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence

from .console import print_to_stderr

NOT_FOUND = 127
NOT_EXECUTABLE = 126
"""What shells give for a command that there is not, or that cannot be run."""

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""

_KEYS = (signal.SIGINT, signal.SIGQUIT)
"""What a terminal sends by itself to all processes in its foreground."""

_PASSED = (*_KEYS, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class ChildProcess:
    """A command, from when it is started."""

    def __init__(self, process: Process) -> None:
        self._process = process
        loop = asyncio.get_running_loop()
        for number in _PASSED:
            if number in _KEYS or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._pass_on, number)

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        """Wait for its end; gives its exit code, or 128 and the signal that killed it."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def _pass_on(self, number: signal.Signals) -> None:
        if self._process.returncode is None and not (number in _KEYS and _has_terminal()):
            self._process.send_signal(number)


def client_environment(
    urls: Sequence[str], control: tuple[str, str] | None = None
) -> dict[str, str]:
    """What a client is told of a replay: where it is, and the URL and token of its control."""
    told = {"MESOTAPE_URL": urls[0], "MESOTAPE_URLS": " ".join(urls)}
    if control is not None:
        told["MESOTAPE_CONTROL_URL"], told["MESOTAPE_CONTROL_TOKEN"] = control
    return told


async def start(words: Sequence[str], variables: Mapping[str, str]) -> ChildProcess | int:
    """Start a command with these environment variables besides; the exit code if that fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words, env=os.environ | variables, preexec_fn=_end_with_us()
        )
    except FileNotFoundError:
        print_to_stderr(f"{words[0]}: there is no such command")
        return NOT_FOUND
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        print_to_stderr(f"{words[0]}: cannot be run: {why}")
        return NOT_EXECUTABLE
    return ChildProcess(process)


def _end_with_us() -> Callable[[], None] | None:
    """What a new process has to do so that it gets a SIGTERM when this one is killed.

    The kernel means the thread that started it, which is the main one here.
    """
    if sys.platform != "linux":
        return None
    library, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


def _has_terminal() -> bool:
    """Whether we are in the foreground of a terminal, and the command with us."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


_LOOK_SECONDS = 0.5


def is_bound_to_parent(asked: bool | None) -> bool:
    """Whether to end with the parent; None leaves it to how this process was started."""
    if asked is not None:
        return asked
    return not any(
        signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGHUP, signal.SIGINT)
    )


async def wait_for_parent_exit() -> int:
    """Wait until the parent is gone, and give its process id."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(_LOOK_SECONDS)
    return parent
