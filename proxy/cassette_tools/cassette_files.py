"""The cassettes that a command reads, and the file that it writes."""

import contextlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from ...cassettes.format.documents import CassetteError
from ...cassettes.storage.finding import cassettes_in
from ...cassettes.storage.opening import missing_file_text
from ..commands.console import CommandError, print_json, print_to_stderr


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


def print_json_result(output: Path, result: Struct) -> None:
    """Print the name of a new file, and what is in it, as JSON."""
    print_json({"file": str(output), **msgspec.to_builtins(result)})


def print_warnings(warnings: Iterable[str]) -> None:
    """Print which parts of a file cannot be read, and are not in the new one."""
    for warning in warnings:
        print_to_stderr(warning)


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
