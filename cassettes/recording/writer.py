"""The file that a recording goes to: documents are only ever added to it, each in one piece.

    with Tape.open(path, "refuse", "master", "http://master.example:5050") as tape:
        tape.write([Exchange(…), Event(…)])

The file belongs to its owner alone (0600), and a second recorder is kept out by a lock. A document
that did not reach the disk whole is cut off again, so what is there always loads.
"""

import contextlib
import datetime
import fcntl
import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Self

from ...proto.api.apis import ServerKind
from ..format.documents import FORMAT_VERSION, CassetteError, Document, Header
from ..format.yaml_writer import format_document
from ..storage.opening import is_gzip_file
from ..storage.reader import Cassette
from .redaction import REDACTION_RULE_IDS

type ExistingFilePolicy = Literal["refuse", "overwrite", "append"]
"""What to do with a file that is there already."""


class CassetteWriter:
    """A cassette that is being recorded.

    `elapsed` is where the cassette's clock stood when it was opened, in seconds: 0 for a new one.
    `last_exchange` and `last_client` are the numbers that it held already, `warnings` are about
    what it held, and `length` is its length in bytes.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.length_bytes = 0
        self.elapsed_seconds = 0.0
        self.last_exchange_number = 0
        self.last_client_number = 0
        self.warnings: list[str] = []
        self._fd = fd

    @classmethod
    def open(
        cls,
        path: Path | str,
        existing: ExistingFilePolicy = "refuse",
        server: ServerKind | None = None,
        upstream: str | None = None,
    ) -> Self:
        """Begin a cassette, or go on with one. Raises `CassetteError`, which says what to do."""
        path = Path(path)
        tape = cls(path, _opened(path, existing))
        try:
            if existing == "append" and os.fstat(tape._fd).st_size:
                tape._go_on(server)
            else:
                os.ftruncate(tape._fd, 0)
                tape.write([_first(server, upstream)])
        except OSError as error:
            tape.close()
            raise CassetteError(f"{path}: cannot be written: {error.strerror}") from error
        except BaseException:
            tape.close()
            raise
        return tape

    def write(self, documents: Iterable[Document | bytes]) -> None:
        """Add documents, or the bytes of them.

        Raises OSError, and the file then ends with the last document before.
        """
        data = b"".join(
            [told if isinstance(told, bytes) else format_document(told) for told in documents]
        )
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.length_bytes)
            raise
        self.length_bytes += len(data)

    def close(self) -> None:
        """Close the file; all that was written is in it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _go_on(self, server: ServerKind | None) -> None:
        """Find out where an existing cassette ends, and cut off what is not whole."""
        if is_gzip_file(self._fd):
            raise CassetteError(f"{self.path}: is compressed: unpack it, or record to another file")
        with Cassette.open(self.path) as cassette:
            told = cassette.header
            if server != told.server:
                found = f"expected a cassette of a {server}, found one of a {told.server}"
                raise CassetteError(f"{self.path}: {found}: record to another file")
            self.warnings = cassette.warnings
            self.last_exchange_number = cassette.last_exchange_number
            self.last_client_number = cassette.last_client_number
            self.elapsed_seconds = max(cassette.last_at_seconds, _seconds_since(told.recorded_at))
            self.length_bytes = cassette.intact_bytes
        os.ftruncate(self._fd, self.length_bytes)
        if os.pread(self._fd, 1, self.length_bytes - 1) != b"\n":
            self.length_bytes += os.write(self._fd, b"\n")


def _first(server: ServerKind | None, upstream: str | None) -> Header:
    return Header(
        mesotape=FORMAT_VERSION,
        server=server,
        recorded_at=datetime.datetime.now(datetime.UTC),
        upstream=upstream,
        recorder=f"mesotape {version('mesotape')}",
        redaction=list(REDACTION_RULE_IDS),
    )


def _seconds_since(recorded_at: datetime.datetime) -> float:
    """Seconds by the wall clock, the only one that goes on between two recordings."""
    if recorded_at.tzinfo is None:
        recorded_at = recorded_at.replace(tzinfo=datetime.UTC)
    return (datetime.datetime.now(datetime.UTC) - recorded_at).total_seconds()


def _opened(path: Path, existing: ExistingFilePolicy) -> int:
    create = os.O_CREAT | (os.O_EXCL if existing == "refuse" else 0)
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | create, 0o600)
    except FileExistsError:
        text = "is there already: choose another file, or overwrite it or append to it"
        if path.is_dir():
            text = "is a folder, expected a file"
        raise CassetteError(f"{path}: {text}") from None
    except OSError as error:
        raise CassetteError(f"{path}: cannot be created: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(fd, 0o600)
    except OSError as error:
        os.close(fd)
        reason = "another recorder is writing to it"
        text = reason if isinstance(error, BlockingIOError) else error.strerror
        raise CassetteError(f"{path}: cannot be written: {text}") from error
    return fd
