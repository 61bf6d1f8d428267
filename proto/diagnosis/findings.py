"""What a stream consists of: records, and bytes that are none."""

from msgspec import Struct
from msgspec.structs import replace

from .content import PayloadContent
from .problems import Diagnostic, Severity, worst_severity

MAX_REPORTED_BYTES = 1 << 12
"""Bytes of skipped data that are given."""


class ValidRecord(Struct, frozen=True, gc=False):
    """A record whose framing holds; what it says may be wrong all the same.

    `offset` and `size` are bytes of the stream, framing included; so are the offsets in `remarks`.
    """

    number: int
    offset: int
    size: int
    payload: bytes
    content: PayloadContent
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """How bad it is, or None."""
        return worst_severity(self.diagnostics)


class SkippedBytes(Struct, frozen=True, gc=False):
    """Bytes that are no record, up to where the next one begins.

    `data` are the first `SHOWN` of `size` bytes, `line` is what stands for a length, without its
    newline. If the record can be told in spite of all, it is in `payload` and `content`.
    """

    number: int
    offset: int
    size: int
    data: bytes
    length_line: bytes
    diagnostics: tuple[Diagnostic, ...]
    payload: bytes | None = None
    content: PayloadContent = PayloadContent()

    @property
    def severity(self) -> Severity | None:
        """How bad it is."""
        return worst_severity(self.diagnostics)


type Finding = ValidRecord | SkippedBytes


MAX_HELD_BYTES = 1 << 22
"""Bytes of skipped data that are kept until it is clear where they end."""


class PendingSkip(Struct):
    """What is skipped since `offset`, because of `remark`, with what was held of it.

    `announced` is the length, if there is one, and `body` where the record would begin.
    """

    offset: int
    length_line: bytes
    diagnostic: Diagnostic
    announced_length: int | None
    payload_start: int
    held_data: bytearray
    size: int = 0
    last: int = 0

    def append_data(self, data: bytes) -> None:
        """Skip some more bytes."""
        self.size += len(data)
        self.held_data += data[: MAX_HELD_BYTES + 1 - len(self.held_data)]
        if (text := data.rstrip()) or not self.last:
            self.last = text[-1] if text else 0

    def refine_diagnostic(
        self, *, is_record: bool, at_stream_end: bool, at_stream_start: bool
    ) -> None:
        """Say more, now that it is clear where this ends.

        `known` tells that what would be the record is one, `ended` that the stream ends here, and
        `first` that nothing came before.
        """
        reason, offset = self.diagnostic.reason, self.offset
        got = self.size - self.payload_start
        if reason == "missing-length" and at_stream_start and at_stream_end and self.last in b"]}":
            text = "is plain JSON, expected records, each behind its length"
            self.diagnostic = Diagnostic("plain-json", text, offset, offset + 1)
        elif reason == "wrong-length" and is_record:
            text = f"length is {self.announced_length}, but the record has {got} bytes"
            self.diagnostic = replace(self.diagnostic, text=text)
        elif (
            reason == "wrong-length"
            and self.announced_length is not None
            and got < self.announced_length
        ):
            how = "the stream ends" if at_stream_end else "the next record begins"
            text = f"{how} after {got} of {self.announced_length} bytes of a record"
            self.diagnostic = Diagnostic(
                "truncated-record", text, offset + self.size, offset + self.size
            )
