"""What a stream consists of: records, and bytes that are none."""

from msgspec import Struct
from msgspec.structs import replace

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


HELD = 1 << 22
"""Bytes of skipped data that are kept until it is clear where they end."""


class Lost(Struct):
    """What is skipped since `offset`, because of `remark`, with what was held of it.

    `announced` is the length, if there is one, and `body` where the record would begin.
    """

    offset: int
    line: bytes
    remark: Remark
    announced: int | None
    body: int
    held: bytearray
    size: int = 0
    last: int = 0

    def add(self, data: bytes) -> None:
        """Skip some more bytes."""
        self.size += len(data)
        self.held += data[: HELD + 1 - len(self.held)]
        if (text := data.rstrip()) or not self.last:
            self.last = text[-1] if text else 0

    def explain(self, *, known: bool, ended: bool, first: bool) -> None:
        """Say more, now that it is clear where this ends.

        `known` tells that what would be the record is one, `ended` that the stream ends here, and
        `first` that nothing came before.
        """
        reason, offset = self.remark.reason, self.offset
        got = self.size - self.body
        if reason == "missing-length" and first and ended and self.last in b"]}":
            text = "is plain JSON, expected records, each behind its length"
            self.remark = Remark("plain-json", text, offset, offset + 1)
        elif reason == "wrong-length" and known:
            text = f"length is {self.announced}, but the record has {got} bytes"
            self.remark = replace(self.remark, text=text)
        elif reason == "wrong-length" and self.announced is not None and got < self.announced:
            how = "the stream ends" if ended else "the next record begins"
            text = f"{how} after {got} of {self.announced} bytes of a record"
            self.remark = Remark("truncated-record", text, offset + self.size, offset + self.size)
