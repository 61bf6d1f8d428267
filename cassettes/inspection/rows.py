"""Rows of `mesotape inspect`: exchanges, records, skipped bytes, ends of streams, notes."""

from typing import Literal

from msgspec import Struct

from ...proto.diagnosis.content import PayloadContent
from ...proto.diagnosis.findings import Finding, SkippedBytes
from ...proto.diagnosis.problems import Diagnostic, Severity, worst_severity
from ...proto.messages.summary_fields import collect_summary_fields
from ..format.documents import EndCause, Side


class Row(Struct, kw_only=True, omit_defaults=True):
    """The description of one of these; unknown members are None.

    `at` is in seconds since the recording began. `size` is in bytes without HTTP framing. `offset`
    counts bytes of the stream, `file_offset` those of the file, if that is an HTTP capture. `line`
    is the first line of the document in the cassette. `response_seconds` is from the request to
    the head of its response. `number` counts the records of a stream.
    `message_name` and `request_message_name` are the full names of the messages in `body` and
    `request_body`. `content` is that of the call in an exchange, and of the record in an event.
    """

    row_type: Literal["exchange", "event", "skipped", "end", "note"]
    at: float | None = None
    exchange: int | None = None
    number: int | None = None
    side: Side = "server"
    client: int | None = None
    peer: str | None = None
    call: str | None = None
    type: str | None = None
    method: str | None = None
    path: str | None = None
    status: int | None = None
    response_seconds: float | None = None
    size: int | None = None
    offset: int | None = None
    file_offset: int | None = None
    line: int | None = None
    cause: EndCause | None = None
    text: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    message_name: str | None = None
    body: bytes = b""
    request_body: bytes = b""
    request_message_name: str | None = None
    finding: Finding | None = None
    content: PayloadContent | None = None

    @property
    def severity(self) -> Severity | None:
        """The worst severity of the diagnostics; None if there are none."""
        return worst_severity(self.diagnostics)

    @property
    def summary_fields(self) -> dict[str, str]:
        """The few fields that identify the subject of a call or an event, by their names."""
        if self.content is None:
            return {}
        message = self.request_message_name if self.row_type == "exchange" else self.message_name
        return collect_summary_fields(self.content.value, message, self.type)

    @property
    def skipped(self) -> SkippedBytes | None:
        """The finding of a row of skipped bytes, else None."""
        return self.finding if isinstance(self.finding, SkippedBytes) else None
