"""The cassettes that a command is to read, and how far it is with one."""

import contextlib
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from ...cassettes.format.documents import CassetteError
from ...cassettes.storage.finding import cassettes_in
from ...cassettes.storage.opening import missing_file_text
from ..commands.console import CommandError, print_json

_SHOWN_AFTER_SECONDS = 0.5
_SHOWN_EVERY_SECONDS = 0.25
_CLEAR_LINE = "\r\x1b[K"


def find_cassettes(paths: Iterable[Path]) -> Iterator[Path]:
    """Iterate over files, and over the cassettes in folders. Raises CommandError."""
    for path in paths:
        if path.is_dir():
            if not (found := cassettes_in(path)):
                raise CommandError(f"{path}: there is no cassette in this folder")
            yield from found
        elif path.exists():
            yield path
        else:
            raise CommandError(f"{path}: {missing_file_text(path)}")


class Progress:
    """Shows on a terminal how much of a work is done, from half a second on."""

    def __init__(self, text: str, total: int) -> None:
        self._text = text
        self._total = total
        self._next_at = time.monotonic() + _SHOWN_AFTER_SECONDS
        self._is_terminal = sys.stderr.isatty()
        self._is_shown = False

    def advance(self, done: int) -> None:
        """Show how much is done, unless that was shown a moment ago."""
        if not self._is_terminal or (now := time.monotonic()) < self._next_at:
            return
        self._next_at = now + _SHOWN_EVERY_SECONDS
        percent = min(100, done * 100 // max(1, self._total))
        sys.stderr.write(f"{_CLEAR_LINE}{self._text}: {percent} %")
        sys.stderr.flush()
        self._is_shown = True

    def clear(self) -> None:
        """Remove it from the terminal, before something else is printed there."""
        if self._is_shown:
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()
            self._is_shown = False


class ReadingProgress:
    """Shows on a terminal which of several cassettes is read, and how much of it.

    `total_of` returns how much there is to read of a cassette; without it, the size of the file.
    """

    def __init__(self, total_of: Callable[[Path], int] = lambda path: path.stat().st_size) -> None:
        self._total_of = total_of
        self._shown: dict[Path, Progress] = {}

    def advance(self, path: Path, done: int) -> None:
        """Show how much of a cassette is read."""
        if path not in self._shown:
            self.clear()
            self._shown = {path: Progress(f"reading {path}", self._total_of(path))}
        self._shown[path].advance(done)

    def clear(self) -> None:
        """Remove it from the terminal."""
        for each in self._shown.values():
            each.clear()


def print_json_result(output: Path, result: Struct) -> None:
    """Print the name of a new file, and what is in it, as JSON."""
    print_json({"file": str(output), **msgspec.to_builtins(result)})


@contextlib.contextmanager
def writing(output: Path) -> Generator[None]:
    """Turn an error of a block that writes a new file into a CommandError of one line."""
    try:
        yield
    except CassetteError as error:
        raise CommandError(f"{error}; nothing was written") from error
    except BrokenPipeError:  # The reader of stdout, like `head`, has seen enough.
        raise
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def progress(text: str, total: int) -> Generator[Progress]:
    """Show the progress of a block."""
    shown = Progress(text, total)
    try:
        yield shown
    finally:
        shown.clear()
