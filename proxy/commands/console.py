"""Shared by all commands: exit codes, messages, Ctrl-C, the ready line.

Messages go to stderr. The ready line, and the output that a command is for, go to stdout; with
`--json` these are one JSON object per line, and so is what happens while a command runs.
"""

import contextlib
import errno
import gc
import os
import signal
import sys
from collections.abc import Generator, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...proto.http.address import LOOPBACK, Address
from ...proto.shown_text import encode_json, escape_json, escape_message, escape_text
from .messages import json_lines, messages

if TYPE_CHECKING:
    from ...cassettes.redaction.rules import RuleSet

EXIT_FAILURE = 1
"""The command failed: bad input, a busy port, a full disk."""

EXIT_USAGE = 2
"""An option or an argument is wrong, as for click."""

EXIT_MISS = 3
"""A request had no recorded answer."""

EXIT_WARNINGS = 4
"""The inspected source can be read, but has warnings."""

EXIT_MALFORMED = 5
"""The inspected source has malformed parts."""

EXIT_NO_MATCH = 9
"""A filter matches nothing in the inspected source."""

EXIT_SECRETS = 11
"""There are secrets in a cassette."""

EXIT_DIFFERENT = 12
"""Two recordings differ."""

EXIT_NOTHING = 10
"""The source has nothing to inspect: it is empty, a folder, or of a kind that is not known."""

EXIT_LEFT_OUT = 6
"""A client that took part in the replay left out calls that were recorded of it."""

EXIT_IDLE_FAULT = 7
"""All went well, but a requested fault never fired."""

EXIT_UNMET = 8
"""All went well, but recorded exchanges that the replay requires were not used."""


class CommandError(Exception):
    """A command failed; the text gives the reason and the way out, in one line."""

    def __init__(self, text: str, exit_code: int = EXIT_FAILURE) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class OptionError(CommandError):
    """Options or arguments that are wrong, or that exclude each other, whatever the input is."""

    def __init__(self, text: str) -> None:
        super().__init__(text, EXIT_USAGE)


_POSIX_NAMES = ("os.pread", "os.fchmod", "signal.SIGHUP", "os.O_CLOEXEC")
"""Some of what Linux and macOS have, that is used throughout, and that Windows lacks."""


def check_platform(command: str) -> None:
    """Raise CommandError where a command cannot work."""
    missing = [name for name in _POSIX_NAMES if not _has_name(name)]
    missing += [] if find_spec("fcntl") else ["fcntl"]
    if missing:
        raise CommandError(
            f"{command} does not work on this platform: Python has no {', '.join(missing)} here; "
            "use Linux or macOS, or WSL on Windows"
        )


@contextlib.contextmanager
def importing() -> Generator[None]:
    """Import in this block without garbage collections: a tenth of a start.

    What is imported stays, so the collector need never look at it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _has_name(name: str) -> bool:
    module, _, attribute = name.partition(".")
    return hasattr(sys.modules[module], attribute)


class Interrupts:
    """SIGINT until the event loop handles it.

    A KeyboardInterrupt is lost if it comes in a callback whose exceptions Python ignores (as in
    import locks), and prints a traceback if it comes while the event loop is half built. So an
    interrupt is also recorded, for `check`, and while the loop starts it is recorded only.
    """

    def __init__(self) -> None:
        self._came = False
        self._is_deferred = False

    def install(self) -> None:
        """Handle SIGINT, unless it is ignored (nohup, `&` in a script)."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)

    @contextlib.contextmanager
    def deferred(self) -> Generator[None]:
        """Only remember interrupts in this block; `check` raises them."""
        self._is_deferred = True
        try:
            self.check()
            yield
        finally:
            self._is_deferred = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if SIGINT came before."""
        if self._came:
            raise KeyboardInterrupt

    def _handle(self, *_: object) -> None:
        self._came = True
        if not self._is_deferred:
            raise KeyboardInterrupt


interrupts = Interrupts()
"""The one of this process."""


def print_to_stderr(text: str) -> None:
    """Print a message on stderr, without waiting for its reader."""
    messages.write(f"mesotape: {escape_message(text)}\n")


def print_colored(text: str) -> None:
    """Print a message with colours on stderr; what it quotes has to be escaped already."""
    messages.write(f"mesotape: {text}\n")


def print_result(text: str, *, to_stderr: bool = False) -> None:
    """Print a line of output on stdout, after the messages before it, or as it is on stderr."""
    text = escape_text(text)
    if to_stderr:
        messages.write(f"{text}\n")
        return
    messages.flush()
    click.echo(text)


def print_json(value: object, *, to_stderr: bool = False) -> None:
    """Print a value as JSON, as `print_result` prints a line."""
    print_result(escape_json(encode_json(value).decode()), to_stderr=to_stderr)


def print_json_line(value: object, *, to_stderr: bool = False) -> None:
    """Print a value as JSON while a command runs, without waiting for the reader."""
    line = escape_json(encode_json(value).decode())
    (messages if to_stderr else json_lines).write(f"{line}\n")


def discard_output() -> None:
    """Discard what is still to be written to stdout, because its reader has closed the pipe.

    Otherwise Python reports at exit that it cannot be flushed.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def announce_ready(
    text: str,
    url: str,
    ready_file: Path | None,
    *,
    as_json: bool,
    other_servers: Sequence[tuple[str, str]] = (),
    control: tuple[str, str | None] | None = None,
    to_stderr: bool = False,
    is_quiet: bool = False,
) -> None:
    """Write the address to the ready file, atomically, then print the ready line.

    `other_servers` are the texts and URLs of further addresses, one line each. `control` is the URL
    of the control API, if there is one, and its token unless the user has made it. With
    `to_stderr` all goes to stderr, because stdout belongs to the command that runs beside the
    replay. If it `is_quiet`, lines of text are left out.
    """
    urls = [url, *(each for _, each in other_servers)]
    if ready_file is not None:
        lines = urls if control is None else [*urls, " ".join(["control", *filter(None, control)])]
        write_file_atomically(ready_file, "".join(f"{line}\n" for line in lines))
    if as_json:
        ready: dict[str, object] = (
            {"ready": url, "also": urls[1:]} if other_servers else {"ready": url}
        )
        if control is not None:
            ready["control"] = {"url": control[0]} | ({"token": control[1]} if control[1] else {})
        print_json(ready, to_stderr=to_stderr)
    elif not is_quiet:
        lines = [text, *(each for each, _ in other_servers)]
        if control is not None:
            token = f"token {control[1]}" if control[1] else "the token of --control-token-file"
            lines.append(f"control on {control[0]} with {token}")
        for line in lines:
            print_result(f"mesotape: {line}", to_stderr=to_stderr)


def listen_error_text(address: Address, error: OSError, option: str = "--listen ") -> str:
    """Format an error of listening: without the address that asyncio repeats, with the option.

    `option` is what stands before the address.
    """
    number = error.errno or 0
    reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    is_own_host = number in (errno.EADDRINUSE, errno.EACCES)
    free = Address(address.host if is_own_host else LOOPBACK.host, 0)
    return f"cannot listen on {address}: {reason}; {option}{free} takes a free port"


def warn_if_exposed(listening: Iterable[Address], effect: str) -> None:
    """Warn of addresses that other machines can reach; `effect` is what they can do then."""
    for address in listening:
        if not address.is_loopback:
            print_to_stderr(f"warning: {address} is not loopback: other machines can {effect}")


def rules_of_options(file: Path | None, without: Sequence[str], *, empties_data: bool) -> "RuleSet":
    """Return the rules of redaction that the options choose. Raises CommandError."""
    from ...cassettes.scanning.rule_files import RuleFileError, select_rules

    try:
        return select_rules(file, without, empties_data=empties_data)
    except RuleFileError as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise OptionError(f"--no-redact: {error}") from error


def check_folder(path: Path) -> None:
    """Raise CommandError if a file cannot be written later, because its folder does not exist."""
    if not path.absolute().parent.is_dir():
        raise CommandError(f"{path}: cannot be written: the folder does not exist")


def write_file_atomically(path: Path, text: str) -> None:
    """Write a file for its owner alone beside its destination, and rename it.

    A device or a pipe, like /dev/stdout, is written to and stays. Raises CommandError.
    """
    import tempfile

    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, delete=False
        ) as file:
            try:
                file.write(text)
                file.flush()
                Path(file.name).replace(path)
            except OSError:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error
