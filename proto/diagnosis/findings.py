"""The pieces of a stream: valid records, and skipped bytes."""

from msgspec import Struct
from msgspec.structs import replace

from ..counted import counted
from .content import PayloadContent
from .problems import Diagnostic, Severity, worst_severity

MAX_REPORTED_BYTES = 1 << 12
"""Bytes of skipped data that a finding holds."""

MAX_HELD_BYTES = 1 << 22
"""Bytes of skipped data that are held until it is known where they end."""


class ValidRecord(Struct, frozen=True, gc=False):
    """A record whose framing is valid; its content may be malformed.

    `offset`, `size` and the offsets in `diagnostics` are bytes of the stream, framing included.
    """

    number: int
    offset: int
    size: int
    payload: bytes
    content: PayloadContent
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def severity(self) -> Severity | None:
        """The worst severity of its diagnostics; None if there are none."""
        return worst_severity(self.diagnostics)


type ListedRecord = tuple[str, int, str]
"""The type of a record, its size, and its summary as printable text."""


class RecordRun(ValidRecord, frozen=True, gc=False):
    """A run of valid records without diagnostics: their sizes by type, and a list if asked for.

    `number`, `offset` and the type are those of the first one, and `size` is that of all.
    """

    sizes: dict[str, list[int]] = {}
    records: list[ListedRecord] = []

    @property
    def count(self) -> int:
        """The number of records."""
        return sum(map(len, self.sizes.values()))


class SkippedBytes(Struct, frozen=True, gc=False):
    """Bytes that are no record, up to the start of the next one or to the end of the stream.

    `data` holds the first `MAX_REPORTED_BYTES` of `size` bytes, and `length_line` the line in the
    place of the length, without its newline. If the bytes hold a record all the same, it is in
    `payload` and `content`. A record `is_cut_off` if the stream ends before it is complete.
    """

    number: int
    offset: int
    size: int
    data: bytes
    length_line: bytes
    diagnostics: tuple[Diagnostic, ...]
    payload: bytes | None = None
    content: PayloadContent = PayloadContent()
    is_cut_off: bool = False

    @property
    def severity(self) -> Severity | None:
        """The worst severity of its diagnostics."""
        return worst_severity(self.diagnostics)


type Finding = ValidRecord | SkippedBytes


class PendingSkip(Struct):
    """Bytes that are skipped from `offset` on, because of `diagnostic`; their end is not known yet.

    `announced_length` is the length that was parsed, if any. `payload_start` is where the payload
    would start, relative to `offset`. Of `size` bytes at most `MAX_HELD_BYTES` + 1 are held.
    """

    offset: int
    length_line: bytes
    diagnostic: Diagnostic
    announced_length: int | None
    payload_start: int
    held_data: bytearray
    size: int = 0
    is_cut_off: bool = False
    _last_byte: int = 0

    def append_data(self, data: bytes) -> None:
        """Skip more bytes."""
        self.size += len(data)
        self.held_data += data[: MAX_HELD_BYTES + 1 - len(self.held_data)]
        if text := data.rstrip():
            self._last_byte = text[-1]

    def refine_diagnostic(
        self, *, is_record: bool, at_stream_end: bool, at_stream_start: bool
    ) -> None:
        """Make the diagnostic more exact, now that the end of the skipped bytes is known.

        The bytes from `payload_start` on are a record if `is_record`. The stream ends after the
        skipped bytes if `at_stream_end`, and starts with them if `at_stream_start`.
        """
        offset, end = self.offset, self.offset + self.size
        got, announced = self.size - self.payload_start, self.announced_length
        match self.diagnostic.reason:
            case "missing-length" if at_stream_start and at_stream_end and self._last_byte in b"]}":
                text = "is plain JSON, expected records, each after its length"
                self.diagnostic = Diagnostic("plain-json", text, offset, offset + 1)
            case "wrong-length" if is_record:
                text = f"length is {announced}, but the record has {counted(got, 'byte')}"
                self.diagnostic = replace(self.diagnostic, text=text)
            case "wrong-length" if announced is not None and got < announced:
                self.is_cut_off = at_stream_end
                end_text = "the stream ends" if at_stream_end else "the next record begins"
                text = f"{end_text} after {got} of {announced} bytes of a record"
                self.diagnostic = Diagnostic("truncated-record", text, end, end)
            case _:
                pass
