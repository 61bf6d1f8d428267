"""A cassette as a source of rows: its header, and its documents block by block.

The file is read from the beginning to the end, or from one offset to another, without an index: a
part of a cassette costs as much as its length, and a table of a large one begins at once.
"""

import contextlib
import datetime
from collections.abc import Callable, Generator, Iterator
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from ..format.documents import Header
from ..indexing.index import END_MARK
from ..indexing.segments import MAX_DOCUMENT_BYTES, FileSegment, cut_file
from ..storage.opened_file import OpenedFile
from ..storage.opening import open_for_reading
from ..storage.parts import HEADER_BYTES, open_further_parts, parse_header
from ..storage.reader import Cassette

_START = b"---"
_END = b"\n..."
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


class Source:
    """An open cassette, or the documents of one that begin in a range of offsets.

    `on_progress` gets how many percent of the file are read.
    """

    def __init__(
        self,
        path: Path,
        file: OpenedFile,
        span: tuple[int, int] | None,
        on_progress: Callable[[int], None],
    ) -> None:
        self.path = path
        self.name = str(path)
        self.header = _read_header(path, file)
        self.begin_us = (self.header.began - _EPOCH) // _MICROSECOND
        self._file = file
        self._start, self._stop = (0, file.size) if span is None else span
        self._first_read = max(0, self._start - 1)  # Whether a line begins there is to be seen.
        self._on_progress = on_progress
        self._opened = contextlib.ExitStack()

    @cached_property
    def cassette(self) -> Cassette:
        """The cassette with its index, for what cannot be read from beginning to end."""
        return self._opened.enter_context(Cassette.open(self.path, lenient=True, may_grow=True))

    @property
    def length_bytes(self) -> int:
        """The length of the file, and its parts, unpacked."""
        return self._file.size

    def advance(self, offset: int) -> None:
        """Tell up to which offset the file is read."""
        self._on_progress(offset * 100 // max(1, self._file.size))

    def close(self) -> None:
        """Close the file."""
        self._opened.close()
        self._file.close()

    def blocks(self) -> Iterator[list[bytes]]:
        """Iterate over the documents, many at a time, each from after `---` to its end mark.

        Those without an end mark are left out. A document belongs to the range of offsets that its
        first byte is in, so the first piece of a range, which starts before it, is left out.
        Raises CassetteError if the file cannot be read.
        """
        for part in cut_file(self._pread):
            start, text = self._first_read + part.start, part.text
            is_one = isinstance(part, FileSegment)
            end = self._first_read + part.end if is_one else start + len(text)
            if start >= self._stop:
                return
            if self._start and not part.start:
                before = text.find(b"\n" + _START) + 1
                if not before:
                    continue
                start, text = start + before, text[before:]
            if is_one and len(text) < end - start:  # It is head and tail.
                if end - start > MAX_DOCUMENT_BYTES:
                    continue
                text = self._pread(end - start, part.start)
            yield list(self._documents(start, text))
            self.advance(end)

    def _documents(self, start: int, text: bytes) -> Iterator[bytes]:
        """Cut documents that follow each other, of which the first has an offset."""
        if not text.startswith(_START):
            return
        documents = text[len(_START) :].removesuffix(b"\n").split(b"\n" + _START)
        if start + len(text) > self._stop:
            lengths = (len(each) + len(_START) + 1 for each in documents)
            starts = accumulate(lengths, initial=start)
            documents = [
                each for each, at in zip(documents, starts, strict=False) if at < self._stop
            ]
        for document in documents:
            if document.endswith(_END):
                yield document
            elif (mark := END_MARK.search(document)) is not None:
                yield document[: mark.start() + len(_END)]

    def _pread(self, size: int, offset: int) -> bytes:
        return self._file.read(self._first_read + offset, size)


@contextlib.contextmanager
def open_source(
    path: Path,
    span: tuple[int, int] | None = None,
    on_progress: Callable[[int], None] = lambda percent: None,
) -> Generator[Source]:
    """Open a cassette. Raises CassetteError if it is none."""
    opened, _ = open_for_reading(path)
    file = OpenedFile(path, opened, may_grow=True)
    try:
        for part in open_further_parts(path, file.pread(HEADER_BYTES, 0)):
            file.add(part)
        source = Source(path, file, span, on_progress)
    except BaseException:
        file.close()
        raise
    with contextlib.closing(source):
        yield source


def _read_header(path: Path, file: OpenedFile) -> Header:
    """Read the header; if it is wrong or long, the cassette with its index reads it or says why."""
    header = parse_header(file.pread(HEADER_BYTES, 0))
    if header is not None:
        return header
    with Cassette.open(path, lenient=True, may_grow=True) as cassette:
        return cassette.header
