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
import contextlib
import os
import resource
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence

from ..http.proxy_variables import direct_variables
from .console import print_to_stderr

NOT_FOUND = 127
NOT_EXECUTABLE = 126
"""The exit codes of shells for a command that does not exist, or cannot be run."""

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""

_KEYS = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to all processes in its foreground by itself."""

_FORWARDED = (*_KEYS, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


_MAX_DESCRIPTORS = 16_384


def raise_descriptor_limit() -> None:
    """Let this process open more files than the default, which is often 1024 or 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class ChildProcess:
    """A running command, to which the signals of this process are forwarded."""

    def __init__(self, process: Process) -> None:
        self._process = process
        loop = asyncio.get_running_loop()
        for number in _FORWARDED:
            if number in _KEYS or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._forward, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        """Wait for the end. Return the exit code, or 128 plus the number of the signal."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def _forward(self, number: signal.Signals) -> None:
        if self._process.returncode is None and not (number in _KEYS and _has_terminal()):
            self._process.send_signal(number)


def client_environment(
    urls: Sequence[str], control: tuple[str, str] | None = None
) -> dict[str, str]:
    """Return the environment variables that name the replay and its control API.

    The others keep a proxy of the environment out of the way.
    """
    variables = direct_variables(os.environ, urls)
    variables |= {"MESOTAPE_URL": urls[0], "MESOTAPE_URLS": " ".join(urls)}
    if control is not None:
        variables["MESOTAPE_CONTROL_URL"], variables["MESOTAPE_CONTROL_TOKEN"] = control
    return variables


async def start(words: Sequence[str], variables: Mapping[str, str]) -> ChildProcess | int:
    """Start a command with further environment variables. Return an exit code if that fails."""
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
    """Return a function that makes a new process get a SIGTERM when this one is killed.

    The kernel watches the thread that started the process, which is the main thread here.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    library, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


def _has_terminal() -> bool:
    """Return whether this process, and so the command, is in the foreground of a terminal."""
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


_POLL_SECONDS = 0.5


def is_bound_to_parent(asked: bool | None) -> bool:
    """Return whether to end with the parent; None decides by how this process was started."""
    if asked is not None:
        return asked
    return not any(
        signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGHUP, signal.SIGINT)
    )


async def wait_for_parent_exit() -> int:
    """Wait until the parent process has ended. Return its id."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(_POLL_SECONDS)
    return parent
