"""The cassette file of a recording: documents are appended, each one whole.

    with CassetteWriter.open(path, "refuse", "master", "http://master.example:5050") as cassette:
        cassette.write([Exchange(…), Event(…)])

Only the owner can read and write the file (mode 0600), and a lock keeps out a second recorder. A
document that was not written completely is cut off again, so the file always loads.
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
from ..redaction.rules import DEFAULT_RULES, RuleSet
from ..storage.opening import is_gzip_file
from ..storage.reader import Cassette

type ExistingFilePolicy = Literal["refuse", "overwrite", "append"]
"""The effect of opening a file that already exists."""


class CassetteExistsError(CassetteError):
    """The file already exists, and was to be neither overwritten nor appended to."""


class CassetteWriter:
    """A cassette that is being recorded.

    `elapsed_seconds` is the time of the cassette's clock when the file was opened, 0 in a new file.
    `last_exchange_number` and `last_client_number` are the highest numbers in it at that moment, 0
    if it had none. `warnings` are the problems of an existing file, one line each. `length_bytes`
    is the present length of the file.
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
        rules: RuleSet = DEFAULT_RULES,
    ) -> Self:
        """Create a cassette, or append to one.

        `server`, `upstream` and the ids of the `rules` of redaction are written into the header of
        a new cassette; an existing one must be of the same `server`. Raises CassetteError, whose
        text has the way out.
        """
        path = Path(path)
        writer = cls(path, _open_file(path, existing))
        try:
            if existing == "append" and os.fstat(writer._fd).st_size:
                writer._continue(server)
            else:
                os.ftruncate(writer._fd, 0)
                writer.write([_new_header(server, upstream, rules)])
        except OSError as error:
            writer.close()
            raise CassetteError(f"{path}: cannot be written: {error.strerror}") from error
        except BaseException:
            writer.close()
            raise
        return writer

    def write(self, documents: Iterable[Document | bytes]) -> None:
        """Append documents; those that are bytes have the layout of the file already.

        Raises OSError; then none of these documents is in the file.
        """
        data = b"".join(
            [each if isinstance(each, bytes) else format_document(each) for each in documents]
        )
        unwritten = memoryview(data)
        try:
            while unwritten:
                unwritten = unwritten[os.write(self._fd, unwritten) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.length_bytes)
            raise
        self.length_bytes += len(data)

    def close(self) -> None:
        """Close the file and release its lock. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _continue(self, server: ServerKind | None) -> None:
        """Find the end of an existing cassette, and cut off an unfinished document."""
        if is_gzip_file(self._fd):
            raise CassetteError(f"{self.path}: is compressed: unpack it, or record to another file")
        with Cassette.open(self.path) as cassette:
            header = cassette.header
            if server != header.server:
                raise CassetteError(f"{self.path}: {_other_server_text(server, header.server)}")
            self.warnings = cassette.warnings
            self.last_exchange_number = cassette.last_exchange_number
            self.last_client_number = cassette.last_client_number
            self.elapsed_seconds = max(cassette.last_at_seconds, _seconds_since(header.recorded_at))
            self.length_bytes = cassette.intact_bytes
        os.ftruncate(self._fd, self.length_bytes)
        if os.pread(self._fd, 1, self.length_bytes - 1) != b"\n":
            self.length_bytes += os.write(self._fd, b"\n")


def _other_server_text(server: ServerKind | None, found: ServerKind | None) -> str:
    """Return why a recording of a server cannot continue a cassette of another one."""
    if found is None:
        text = "the header does not say what server was recorded"
        return f"{text}: add `server: {server}`, or record to another file"
    names = {"master": "a master", "agent": "an agent", None: "another server"}
    text = f"expected a cassette of {names[server]}, found one of {names[found]}"
    option = f"pass --server {found}, or record to another file"
    return f"{text}: {option}"


def _new_header(server: ServerKind | None, upstream: str | None, rules: RuleSet) -> Header:
    return Header(
        mesotape=FORMAT_VERSION,
        server=server,
        recorded_at=datetime.datetime.now(datetime.UTC),
        upstream=upstream,
        recorder=f"mesotape {version('mesotape')}",
        redaction=rules.all_ids(),
    )


def _seconds_since(recorded_at: datetime.datetime) -> float:
    """Return seconds on the wall clock, the only one that runs on between two recordings."""
    if recorded_at.tzinfo is None:
        recorded_at = recorded_at.replace(tzinfo=datetime.UTC)
    return (datetime.datetime.now(datetime.UTC) - recorded_at).total_seconds()


def _open_file(path: Path, existing: ExistingFilePolicy) -> int:
    create = os.O_CREAT | (os.O_EXCL if existing == "refuse" else 0)
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | create, 0o600)
    except FileExistsError:
        if path.is_dir():
            raise CassetteError(f"{path}: is a folder, expected a file") from None
        text = "already exists: choose another file, overwrite it, or append to it"
        raise CassetteExistsError(f"{path}: {text}") from None
    except OSError as error:
        raise CassetteError(f"{path}: cannot be created: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(fd, 0o600)
    except OSError as error:
        os.close(fd)
        is_locked = isinstance(error, BlockingIOError)
        text = "another recorder is writing to it" if is_locked else error.strerror
        raise CassetteError(f"{path}: cannot be written: {text}") from error
    return fd
