"""What a stream consists of: records, and bytes that are none."""

from msgspec import Struct

from .content import Content
from .problems import Level, Remark, worst

SHOWN = 1 << 12
"""Bytes of skipped data that are given."""


class Sound(Struct, frozen=True, gc=False):
    """A record whose framing holds; what it says may be wrong all the same.

    `offset` and `size` are bytes of the stream, framing included; so are the offsets in `remarks`.
    """

    number: int
    offset: int
    size: int
    payload: bytes
    content: Content
    remarks: tuple[Remark, ...] = ()

    @property
    def level(self) -> Level | None:
        """How bad it is, or None."""
        return worst(self.remarks)


class Skipped(Struct, frozen=True, gc=False):
    """Bytes that are no record, up to where the next one begins.

    `data` are the first `SHOWN` of `size` bytes, `line` is what stands for a length, without its
    newline. If the record can be told in spite of all, it is in `payload` and `content`.
    """

    number: int
    offset: int
    size: int
    data: bytes
    line: bytes
    remarks: tuple[Remark, ...]
    payload: bytes | None = None
    content: Content = Content()

    @property
    def level(self) -> Level | None:
        """How bad it is."""
        return worst(self.remarks)


type Finding = Sound | Skipped
