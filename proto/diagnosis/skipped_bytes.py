"""What is skipped, until it is clear what it was."""

from msgspec import Struct
from msgspec.structs import replace

from .problems import Remark

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
