"""The cassette of a recording: documents are appended, each one whole.

    with CassetteWriter.open(path, "refuse", "master", "http://master.example:5050") as cassette:
        cassette.write([Exchange(…), Event(…)])

Only the owner can read and write the file (mode 0600), and a lock keeps out a second recorder. A
document that was not written completely is cut off again, so the file always loads.
"""

import errno
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from ...proto.api.apis import ServerKind
from ..files.upload_folder import uploaded_object
from ..format.documents import CassetteError, Document, Header
from ..format.yaml_writer import format_document
from ..redaction.redactor import Redactor
from ..redaction.rules import DEFAULT_RULES, RuleSet
from ..storage.part_names import part_path
from .cassette_header import new_header, other_server_text, seconds_since
from .output_file import RESERVED_BYTES, IncompleteWriteError, OutputFile
from .writer_reports import ExistingFilePolicy, SyncPolicy


class CassetteWriter:
    """A cassette that is being recorded.

    `elapsed_seconds` is the time of the cassette's clock when the file was opened, 0 in a new file.
    `last_exchange_number` and `last_client_number` are the highest numbers in it at that moment, 0
    if it had none. `redactor` is the one for its documents, which the caller redacts, and
    `lists_rules` whether the header names all rules of it. `earlier_bytes` is the length of the
    parts before the last one, as far as they are read. `warnings` are the problems of an existing
    file, one line each. `misplaced` is why the recording is not in the place of the
    cassette that it overwrites, or None.
    """

    def __init__(
        self,
        path: Path,
        file: OutputFile,
        rules: RuleSet,
        existing: ExistingFilePolicy,
        sync: SyncPolicy,
        max_part_bytes: int | None,
    ) -> None:
        self.path = path
        self.elapsed_seconds = 0.0
        self.last_exchange_number = 0
        self.last_client_number = 0
        self.earlier_bytes = 0
        self.redactor = Redactor(rules)
        self.lists_rules = True
        self.warnings: list[str] = []
        self.misplaced: str | None = None
        self.file = file
        self._sync: SyncPolicy = sync
        self._existing: ExistingFilePolicy = existing
        self._max_part_bytes = max_part_bytes
        self._part = 1
        self._header: Header | None = None
        self._header_bytes = 0

    @classmethod
    def open(
        cls,
        path: Path | str,
        existing: ExistingFilePolicy = "refuse",
        server: ServerKind | None = None,
        upstream: str | None = None,
        rules: RuleSet = DEFAULT_RULES,
        *,
        sync: SyncPolicy = "never",
        max_part_bytes: int | None = None,
    ) -> Self:
        """Create a cassette, or append to one.

        `server`, `upstream` and the ids of the `rules` of redaction are written into the header of
        a new cassette; an existing one must be of the same `server`. With `max_part_bytes`, it is
        divided into files that are not longer, unless a document is. Raises CassetteError, whose
        text has the way out.
        """
        path = Path(path)
        last, number = (path, 1) if existing != "append" else _last_part(path)
        file = OutputFile.open(last, existing)
        writer = cls(path, file, rules, existing, sync, max_part_bytes)
        writer._part = number
        try:
            if existing == "append" and os.fstat(writer.file.fd).st_size:
                writer._continue(server)
            else:
                writer._begin(writer.redactor.redact(new_header(server, upstream, rules)))
            following = part_path(path, writer._part + 1)
            if max_part_bytes is not None and existing != "overwrite" and following.exists():
                text = "already exists, and would be the next part: remove it, or choose another"
                raise CassetteError(f"{following}: {text} name")
            writer.file.reserve()
        except OSError as error:
            writer.discard()
            raise CassetteError(f"{path}: cannot be written: {error.strerror}") from error
        except BaseException:
            writer.discard()
            raise
        return writer

    @property
    def length_bytes(self) -> int:
        """The length of the file."""
        return self.file.length_bytes

    @property
    def file_id(self) -> tuple[int, int]:
        """The device and inode of the first file of the cassette. Raises OSError."""
        status = os.fstat(self.file.fd) if self._part == 1 else self.path.stat()
        return status.st_dev, status.st_ino

    @property
    def part_paths(self) -> list[Path]:
        """The files of the cassette, one unless it is in parts."""
        earlier = (part_path(self.path, number) for number in range(1, self._part))
        return [*earlier, self.file.written_path]

    def write(self, documents: Iterable[Document | bytes]) -> None:
        """Append documents; those that are bytes have the layout of the file already.

        Raises IncompleteWriteError, an OSError; then the file has as many whole documents as fit.
        """
        data = _formatted(documents)
        if not data:
            return
        if self._max_part_bytes is None:
            self._append(data)
            return
        begin, size = 0, self.file.length_bytes
        for place, document in enumerate(data):
            is_new = place == begin and self.file.length_bytes == self._header_bytes
            if size + len(document) > self._max_part_bytes and not is_new:
                self._append(data[begin:place], data[place:])
                self._begin_part(data[place:])
                begin, size = place, self.file.length_bytes
            size += len(document)
        self._append(data[begin:])

    def pause(self, tail: Sequence[Document | bytes]) -> None:
        """Write last documents into the reserved space, as many as fit, until `resume`."""
        data = b""
        for formatted in _formatted(tail):
            if len(data) + len(formatted) > RESERVED_BYTES:
                break
            data += formatted
        self.file.write_tail(data)

    def resume(self, unwritten: Sequence[bytes]) -> None:
        """Replace the last documents by those that could not be written before.

        Raises OSError, and IncompleteWriteError if only some could be written.
        """
        self.file.cut_tail()
        self.write(unwritten)
        self.file.reserve()

    def close(self) -> None:
        """Close the file and release its lock. May be called twice. Raises OSError."""
        if self.file.fd < 0:
            return
        try:
            self._publish()
            if self._sync != "never":
                _sync(self.file)
        finally:
            self.file.close()

    def discard(self) -> None:
        """Close the file as if it had never been opened: a new one is removed."""
        self.file.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _append(self, data: Sequence[bytes], following: Sequence[bytes] = ()) -> None:
        """Append documents; what follows them is unwritten if they are."""
        try:
            self.file.append(data)
            self._publish()
            if self._sync == "always":
                _sync(self.file)
        except IncompleteWriteError as error:
            raise IncompleteWriteError(error, [*error.unwritten, *following]) from error

    def _begin(self, header: Header) -> None:
        """Write the header of a part."""
        self._header = header
        self.file.append([format_document(header)])
        self._header_bytes = self.file.length_bytes

    def _begin_part(self, following: Sequence[bytes]) -> None:
        """Go on in a new file. Raises IncompleteWriteError."""
        assert self._header is not None
        number, old, file = self._part + 1, self.file, None
        existing = "overwrite" if self._existing == "overwrite" else "refuse"
        try:
            if self._sync != "never":
                _sync(old)
            self.file = file = OutputFile.open(part_path(self.path, number), existing)
            self._begin(replace(self._header, part=number))
            file.reserve()
        except (OSError, CassetteError) as error:
            if file is not None:
                file.discard()
            self.file = old
            failure = error if isinstance(error, OSError) else OSError(errno.EEXIST, str(error))
            raise IncompleteWriteError(failure, following) from error
        self._part = number
        self.earlier_bytes += old.length_bytes
        old.close()

    def _publish(self) -> None:
        """Take the place of an overwritten cassette; if that fails, go on beside it."""
        if self.file.written_path == self.file.path or self.misplaced is not None:
            return
        try:
            self.file.publish()
        except OSError as error:
            place = f"the recording is in {self.file.written_path}"
            self.misplaced = f"the old cassette cannot be replaced: {error.strerror}; {place}"

    def _continue(self, server: ServerKind | None) -> None:
        """Find the end of an existing cassette, and cut off an unfinished document."""
        from ..scanning.rewriting import last_placeholder
        from ..storage.opening import is_gzip_file
        from ..storage.reader import Cassette

        file = self.file
        if is_gzip_file(file.fd):
            raise CassetteError(f"{self.path}: is compressed: unpack it, or record to another file")
        with Cassette.open(self.path) as cassette:
            header = cassette.header
            if (text := other_server_text(server, header.server)) is not None:
                raise CassetteError(f"{self.path}: {text}")
            self.warnings = cassette.warnings
            self.last_exchange_number = cassette.last_exchange_number
            self.last_client_number = cassette.last_client_number
            rules = self.redactor.rules
            self.redactor = Redactor(rules, last_placeholder(cassette) + 1)
            self.lists_rules = set(rules.all_ids()) <= set(header.redaction)
            self.elapsed_seconds = max(cassette.last_at_seconds, seconds_since(header.began))
            self._header, intact_bytes = header, cassette.intact_bytes
            self.earlier_bytes = cassette.length_bytes - intact_bytes
        file.cut(intact_bytes)
        if os.pread(file.fd, 1, intact_bytes - 1) != b"\n":
            file.append([b"\n"])


def _last_part(path: Path) -> tuple[Path, int]:
    """Return the file that an existing cassette is continued in, and its number."""
    if not path.is_file() or not part_path(path, 2).exists():
        return path, 1
    if not path.stat().st_size and uploaded_object(path) is None:
        return path, 1
    from ..storage.reader import Cassette

    with Cassette.open(path, lenient=True) as cassette:
        return cassette.part_paths[-1], len(cassette.part_paths)


def _formatted(documents: Iterable[Document | bytes]) -> list[bytes]:
    return [each if isinstance(each, bytes) else format_document(each) for each in documents]


def _sync(file: OutputFile) -> None:
    try:
        file.sync()
    except OSError as error:
        raise IncompleteWriteError(error, []) from error
