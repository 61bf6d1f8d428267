"""The output of a container, compared as the text that it is.

    DATA STDOUT "hel"   DATA STDOUT "lo"     the same as     DATA STDOUT "hello"

Where an agent divides output into records, and how those of stdout and stderr follow each other,
differs in every run. So all data of one kind in a stream counts as one event, the first of them.
"""

from array import array
from collections.abc import Iterator
from hashlib import blake2b

from google.protobuf.message import Message

from ...proto.messages.fields import field_at, type_enum_name_at
from .differences import FieldChange

_SHOWN_BEFORE = 20
_SHOWN_AFTER = 60


class ContainerOutput:
    """The records with the output of one kind in a stream: their documents and lines.

    `index` is that of the event in the stream which stands for all of them.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.documents = array("I")
        self.lines = array("I")
        self._hash = blake2b(digest_size=16)

    def add(self, data: bytes, document: int, line: int) -> int:
        """Add a record, and return a digest of the output so far."""
        self.documents.append(document)
        self.lines.append(line)
        self._hash.update(data)
        return hash(self._hash.digest())


def output_of(message: Message) -> tuple[str, bytes] | None:
    """Return the kind of output in a record, as STDOUT, and its bytes; None if it has none."""
    data = field_at(message, "data.data")
    kind = type_enum_name_at(message, "data")
    return (kind, data) if kind is not None and isinstance(data, bytes) else None


def output_changes(first: Iterator[bytes], second: Iterator[bytes]) -> Iterator[FieldChange]:
    """Compare two outputs, given in blocks, and yield the first difference."""
    ours = theirs = before = b""
    offset = 0
    while True:
        ours = ours or next(first, b"")
        theirs = theirs or next(second, b"")
        size = min(len(ours), len(theirs))
        if not size or ours[:size] != theirs[:size]:
            break
        before = (before + ours[:size])[-_SHOWN_BEFORE:]
        offset, ours, theirs = offset + size, ours[size:], theirs[size:]
    if ours or theirs:
        same = next((n for n in range(size) if ours[n] != theirs[n]), size)
        before = (before + ours[:same])[-_SHOWN_BEFORE:]
        texts = (_show(before, each[same:]) for each in (ours, theirs))
        yield FieldChange(f"data[{offset + same}]", *texts)


def _show(before: bytes, data: bytes) -> str | None:
    """Return the text around a difference; None if the output ends there."""
    if not data:
        return None
    return repr(before + data[:_SHOWN_AFTER])[1:]
