"""The file of a cassette, cut at the start marks of its documents.

It is read in blocks. Most blocks are cut once, at their last start mark `---`, so that all whole
documents before it are returned in one piece, a run. Only where there is no such line (a long
document, a mark with a comment after it) is each document cut out.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from msgspec import Struct

BLOCK_BYTES = 1 << 18
"""Bytes read at once; with blocks of 1 MiB, which leave the cache of the processor, opening takes a
tenth longer. Of a document longer than two blocks, only head and tail are returned."""

MAX_DOCUMENT_BYTES = 1 << 27
"""128 MiB: eight times what a recorder keeps of a body, if not told otherwise. To parse a document
takes some four times its size in memory."""

_BOM = b"\xef\xbb\xbf"
"""The byte order mark that some editors write at the beginning of UTF-8."""

_LONG_HEAD_BYTES = 4096
_LONG_TAIL_BYTES = 64
_USUAL_MARK = b"\n---\n"
_LINE_BEFORE_MARK = re.compile(rb"\n(?=---[ \t\r\n])")


class FileSegment(Struct, frozen=True, gc=False):
    """A part of the file from a start mark to the next. `text` is all of it, or head and tail."""

    start: int
    end: int
    text: bytes


class FileRun(Struct, frozen=True, gc=False):
    """Several segments, all in whole; a start mark follows."""

    start: int
    text: bytes

    def segments(self) -> Iterator[FileSegment]:
        """Cut the run into its segments."""
        start = self.start
        for text in _split_at_marks(self.text):
            yield FileSegment(start, start + len(text), text)
            start += len(text)


def cut_file(pread: Callable[[int, int], bytes]) -> Iterator[FileRun | FileSegment]:
    """Cut a file; its parts are returned in order, without a gap.

    `buffer` holds what is read and not yet returned, and `offset` is the place in the file after
    it. Three things are to be watched:

    - A start mark may be cut by the end of a block. It counts only once the byte after its dashes
      is there, so it stays in the buffer until then.
    - A document may be longer than memory. Once the buffer passes a block, its first 4 KiB become
      `head`, its last bytes stay, and the rest is dropped: head and tail show the kind of the
      document and its end mark, which is all that the index needs.
    - The tail that stays has to hold the `...` line and the four bytes above, hence 64 bytes.
    """
    start = offset = len(_BOM) if pread(len(_BOM), 0) == _BOM else 0
    head = buffer = b""
    has_more = True
    while has_more:
        block = pread(BLOCK_BYTES, offset)
        has_more = bool(block)
        offset += len(block)
        buffer += block
        if not head and (size := buffer.rfind(_USUAL_MARK) + 1):
            yield FileRun(start, buffer[:size])
            start, buffer = start + size, buffer[size:]
        if head or len(buffer) > BLOCK_BYTES or not has_more:
            end = offset - len(buffer)
            texts = _split_at_marks(buffer)
            buffer = texts.pop() if has_more else b""
            for text in texts:
                end += len(text)
                if end > start:
                    yield FileSegment(start, end, head + text)
                head, start = b"", end
        if len(buffer) > BLOCK_BYTES:
            head = head or buffer[:_LONG_HEAD_BYTES]
            buffer = buffer[-_LONG_TAIL_BYTES:]


def _split_at_marks(text: bytes) -> list[bytes]:
    ends = [match.end() for match in _LINE_BEFORE_MARK.finditer(text)]
    return [text[start:end] for start, end in pairwise([0, *ends, len(text)])]


def too_long(size: int) -> str | None:
    """Return why a document of this size cannot be read, or None if it can."""
    if size <= MAX_DOCUMENT_BYTES:
        return None
    return f"the document has {size} bytes, the limit is {MAX_DOCUMENT_BYTES}: delete it"
