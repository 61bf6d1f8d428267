"""What all commands say to people and programs: addresses, the ready line, errors, live counts.

People are spoken to on stderr, but for the ready line and what a command was asked for, which go to
stdout; `--json` turns that into one JSON object a line.
"""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple, override

import click
import msgspec

from ..http.address import Address

EXIT_FAILURE = 1
"""mesotape could not do what it was asked to: bad input, a busy port, a full disk."""

EXIT_USAGE = 2
"""The command line makes no sense."""

EXIT_MISS = 3
"""A request came that the cassette does not answer."""

EXIT_WARNINGS = 4
"""What was inspected can be read, but is not all as it should be."""

EXIT_MALFORMED = 5
"""What was inspected has parts that cannot be read, or say something wrong."""

EXIT_LEFT_OUT = 6
"""A client that took part in a replay left out calls that were recorded of it."""

EXIT_IDLE_FAULT = 7
"""All was well, but a fault that was asked for never struck."""


class CommandError(Exception):
    """A command cannot go on; the text says why and what to do, in one line."""


class AddressType(click.ParamType[Address]):
    """HOST:PORT, [IPv6]:PORT, or a bare PORT on loopback."""

    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Turn text into an Address."""
        if isinstance(value, Address):
            return value
        host, _, port = str(value).rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r}: expected HOST:PORT, like 127.0.0.1:5050", param, ctx)
        return Address(host.strip("[]") or "127.0.0.1", int(port))


class PaceType(click.ParamType[str]):
    """A pace as people write it (cassettes/answers/pace.py)."""

    name = "pace"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Take only what is one."""
        text = str(value)
        if not re.fullmatch(r"recorded|every:[0-9.]+|instant|step", text):
            self.fail(f"{text!r} is not recorded, every:0.1 (seconds), instant or step", param, ctx)
        return text

    @override
    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show it as it is written."""
        return "recorded|every:SECONDS|instant|step"


class CassetteArgument(NamedTuple):
    """A cassette, and the address that is its own if it has one."""

    path: Path
    address: Address | None = None


class CassetteArgumentType(click.ParamType[CassetteArgument]):
    """CASSETTE, or CASSETTE=HOST:PORT. A file that is there may have any name."""

    name = "cassette"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> CassetteArgument:
        """Turn text into a Placed."""
        if isinstance(value, CassetteArgument):
            return value
        path, equals, address = str(value).rpartition("=")
        if not equals or not path or Path(str(value)).exists():
            return CassetteArgument(Path(str(value)))
        return CassetteArgument(Path(path), AddressType().convert(address, param, ctx))


def print_to_stderr(text: str) -> None:
    """Tell people something that matters."""
    print(f"mesotape: {text}", file=sys.stderr, flush=True)  # click would write across live_counts


def announce_ready(
    text: str,
    url: str,
    ready_file: Path | None,
    *,
    as_json: bool,
    other_servers: Sequence[tuple[str, str]] = (),
    control: tuple[str, str] | None = None,
    to_stderr: bool = False,
) -> None:
    """Write the address to the ready file, whole or not at all, then print the ready line.

    `more` are the texts and URLs of other addresses, each for a line of its own, and `control` is
    the URL and the token of the control, if there is one. With `aside` all goes to stderr, for
    stdout belongs to somebody else.
    """
    urls = [url, *(each for _, each in other_servers)]
    if ready_file is not None:
        lines = urls if control is None else [*urls, "control {} {}".format(*control)]
        write_file_atomically(ready_file, "".join(f"{line}\n" for line in lines))
    if as_json:
        told: dict[str, object] = (
            {"ready": url, "also": urls[1:]} if other_servers else {"ready": url}
        )
        if control is not None:
            told["control"] = {"url": control[0], "token": control[1]}
        click.echo(msgspec.json.encode(told), err=to_stderr)
    else:
        lines = [text, *(each for each, _ in other_servers)]
        if control is not None:
            lines.append("control on {} with token {}".format(*control))
        for line in lines:
            click.echo(f"mesotape: {line}", err=to_stderr)
    sys.stdout.flush()


def listen_error_text(address: Address, error: OSError, option: str = "--listen") -> str:
    """Say why, without the address that asyncio repeats, and which option takes another."""
    number = error.errno or 0
    reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    return f"cannot listen on {address}: {reason}; {option} takes another address"


def write_file_atomically(path: Path, text: str) -> None:
    """Write a file that nobody can see half-written; raises CommandError."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(text)
        Path(file.name).replace(path)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def show_live_counts(counts: Callable[[], str]) -> Generator[None]:
    """Show what has happened so far, if a person watches."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    class Now:
        def __rich__(self) -> Text:
            return Text(counts(), style="dim")

    console = Console(stderr=True)
    with Live(Now(), console=console, refresh_per_second=4, transient=True, redirect_stdout=False):
        yield
