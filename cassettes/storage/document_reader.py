"""Reads single documents of an open cassette, and names the places of their errors."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..format import fast_reader, parsing
from ..format.documents import (
    CassetteError,
    Document,
    DocumentError,
    Exchange,
    Header,
    PlacedError,
)
from ..indexing.document_heads import NO_DOCUMENT
from ..indexing.index import DocumentIndex, DocumentProblem
from ..indexing.segments import too_long
from .opened_file import OpenedFile

HEAD_BYTES = 64 * 1024
"""How much of an exchange is read to find its request and the head of its response."""

_TAIL_BYTES = 256
"""How much of its end is read first, to see whether the body of the response is last."""

_LEAST_READ_AHEAD_BYTES, _MOST_READ_AHEAD_BYTES = 1 << 11, 1 << 14
_BLOCK_BYTES = 1 << 20
_DOCUMENT_END = b"\n...\n"
_BODY_INDENT = b"    "

_MOST_COMMENT_BYTES = 1 << 20
"""More between two documents is no comment of a person; a document that was cut off is there."""

_COMMENT_OR_BLANK = rb"[ \t]*(?:[#%].*)?\r?\n?\Z"


class DocumentSource(NamedTuple):
    """The number of a document in the cassette, from 0, and the line of its first key.

    `path` is the file: the cassette, or one of its parts.
    """

    number: int
    line: int
    path: Path


class DocumentReader:
    """Reads documents by their numbers in the index of a cassette.

    Methods raise `CassetteError`, with the file and line, if a document is wrong, and
    `ChangedError` if the file was written to since it was opened.
    """

    def __init__(self, file: OpenedFile, index: DocumentIndex) -> None:
        self._file = file
        self._index = index
        self._block_start, self._block = 0, b""

    def read_header(self) -> Header:
        """Read the header. Raises `CassetteError` if there is none."""
        index, path = self._index, self._file.path
        if index.problems and (
            not index.next_in_stream or index.problems[0].offset < index.start_offsets[0]
        ):
            raise self.error(index.problems[0])
        if not index.next_in_stream:
            raise CassetteError(f"{path}: not a cassette: the file is empty")
        data = self.read_bytes(0)
        if 0 in index.cut_off_documents:
            if not data.startswith(b"---\nmesotape:"[: len(data)]):
                raise CassetteError(f"{path}:1: not a cassette: expected a key `mesotape`")
            line = self.line_of(0)
            text = "cut off: there is no end mark `...`; each document ends with such a line"
            raise CassetteError(f"{path}:{line}: header: {text}")
        header = self.read(0)
        if not isinstance(header, Header):
            line = self.line_of(0)
            raise CassetteError(f"{path}:{line}: expected the header (`mesotape: 1`) first")
        return header

    def read_exchange(self, document: int) -> Exchange:
        """Read an exchange."""
        exchange = self.read(document)
        if not isinstance(exchange, Exchange):
            raise self._file.changed_error("in place")
        return exchange

    def read_exchange_head(self, document: int) -> Exchange:
        """Read an exchange without the body of its response, which may have hundreds of megabytes.

        The request and the head of the response come first in the writer's layout, so the first 64
        KiB are enough, unless the request is longer. But YAML has no order of keys: a person may
        have added one after the body, such as `peer:`. So the end of a longer document is read too:
        if its last line has the indentation of a body, no key is there. (A key in the middle of the
        part that is not read would be missed, if it has such lines itself.)

        An exchange that the fast reader does not know for certain is parsed in whole.
        """
        start, end = self._index.span(document)
        # `exchange_heads` checks once for all of them that the file has not changed.
        data = self._file.read_unchecked(start, min(HEAD_BYTES, end - start))
        ends_in_body = end - start > HEAD_BYTES and self._ends_in_body(start, end)
        exchange = fast_reader.parse_exchange_head(data, ends_in_body=ends_in_body)
        return exchange or parsing.without_response_body(self.read_exchange(document))

    def _ends_in_body(self, start: int, end: int) -> bool:
        """Return whether the last line before the end mark has the indentation of a body.

        A body of megabytes may be one line, so its beginning is searched backwards, in blocks that
        grow: most last lines are short.
        """
        stop = end - len(_DOCUMENT_END)
        if self._file.read_unchecked(stop, len(_DOCUMENT_END)) != _DOCUMENT_END:
            return False
        size = _TAIL_BYTES
        while stop > start:
            begin = max(start, stop - size)
            newline = self._file.read_unchecked(begin, stop - begin).rfind(b"\n")
            if newline >= 0:
                indent = len(_BODY_INDENT)
                return self._file.read_unchecked(begin + newline + 1, indent) == _BODY_INDENT
            stop, size = begin, _BLOCK_BYTES
        return False

    def read(self, document: int) -> Document:
        """Read a document."""
        return self.parse(document, self.read_bytes(document))

    def read_linked(self, document: int) -> Iterator[Document]:
        """Read a document and those after it in its stream: NO_DOCUMENT stands for none.

        The first is read alone, because often no other is asked for. Then several are read at once:
        a third of the time to load an event is that to read it from the file.
        """
        begin, block, ahead = 0, b"", 0
        while document != NO_DOCUMENT:
            start, end = self._index.span(document)
            if end > begin + len(block):
                if (reason := too_long(end - start)) is not None:
                    raise self.error(DocumentProblem(start, 1, reason))
                begin, block = start, self._file.read(start, max(ahead, end - start))
                ahead = min(2 * ahead + _LEAST_READ_AHEAD_BYTES, _MOST_READ_AHEAD_BYTES)
            yield self.parse(document, block[start - begin : end - begin])
            document = self._index.next_in_stream[document]

    def parse(self, document: int, data: bytes) -> Document:
        """Parse the bytes of a document."""
        try:
            return parsing.parse_document(data)
        except DocumentError as error:
            offset = self._index.start_offsets[document]
            raise self.error(DocumentProblem(offset, error.line, error.text)) from error

    def read_bytes(self, document: int) -> bytes:
        """Read the bytes of a document."""
        start, end = self._index.span(document)
        if self._is_in_block(start, end):
            return self._block[start - self._block_start : end - self._block_start]
        if (reason := too_long(end - start)) is not None:
            raise self.error(DocumentProblem(start, 1, reason))
        return self._file.read(start, end - start)

    def comments_between(self, start: int, end: int) -> bytes:
        """Return the comments and blank lines between the end of a document and the next start."""
        if not start < end <= start + _MOST_COMMENT_BYTES:
            return b""
        lines = self._file.read(start, end - start).splitlines(keepends=True)
        return b"".join(line for line in lines if re.match(_COMMENT_OR_BLANK, line))

    def error(self, problem: DocumentProblem) -> PlacedError:
        """Return a problem as an error, with the file and line."""
        line = self.line(problem.offset) + problem.line - 1
        return PlacedError(self._file.part_at(problem.offset).path, line, problem.text)

    def line_of(self, document: int) -> int:
        """Return the line of the first key of a document."""
        return self.line(self._index.start_offsets[document]) + 1

    def line(self, offset: int) -> int:
        """Return the line of an offset, from 1, in the file that it is in."""
        part = self._file.part_at(offset)
        return part.skipped_lines + 1 + self._count_lines(part.start, offset)

    def _count_lines(self, start: int, end: int) -> int:
        if self._is_in_block(start, end):
            return self._block.count(b"\n", start - self._block_start, end - self._block_start)
        lines = 0
        while start < end:
            data = self._file.read_unchecked(start, min(_BLOCK_BYTES, end - start))
            if not data:
                break
            lines += data.count(b"\n")
            start += len(data)
        return lines

    def sources(self) -> Iterator[DocumentSource]:
        """Return the places of all documents, in the order of the file.

        They are read in blocks, so that reading the document of each place costs little.
        """
        line = offset = 0
        part = None
        for document in range(len(self._index.next_in_stream)):
            start = self._index.start_offsets[document]
            if part is not (found := self._file.part_at(start)):
                part = found
                line, offset = part.skipped_lines + 2, part.start
            line += self._count_lines(offset, start)
            offset = start
            if document not in self._index.cut_off_documents:
                self._load_block(document)
                yield DocumentSource(document, line, found.path)
        self._block = b""

    def _load_block(self, document: int) -> None:
        """Read a document and what follows it, unless it is in the block or longer than one."""
        start, end = self._index.span(document)
        if not self._is_in_block(start, end) and end - start <= _BLOCK_BYTES:
            self._block_start, self._block = start, self._file.read(start, _BLOCK_BYTES)

    def _is_in_block(self, start: int, end: int) -> bool:
        return self._block_start <= start and end <= self._block_start + len(self._block)
