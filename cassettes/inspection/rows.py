"""A line of `mesotape inspect`: one exchange, event, end, note, or piece that is none."""

from typing import Literal

from msgspec import Struct

from ...proto.diagnosis.content import PayloadContent
from ...proto.diagnosis.findings import Finding, SkippedBytes
from ...proto.diagnosis.problems import Diagnostic, Severity, worst_severity
from ...proto.messages.summary_fields import collect_summary_fields
from ..format.documents import EndCause, Side


class Row(Struct, kw_only=True, omit_defaults=True):
    """What is told about one thing; what is not known is None.

    `at` is seconds since the recording began, `size` is bytes on the wire without HTTP, `offset` is
    bytes from where the stream begins, `line` is that of the document in the cassette. `body` and
    `finding` are for looking closer, and `message` is the full name of what the body holds. The
    `content` is that of a call, if this is an exchange.
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
    size: int | None = None
    offset: int | None = None
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
        """The worst of the remarks."""
        return worst_severity(self.diagnostics)

    @property
    def summary_fields(self) -> dict[str, str]:
        """The few values that tell what a call or an event is about."""
        if self.content is None:
            return {}
        message = self.request_message_name if self.row_type == "exchange" else self.message_name
        return collect_summary_fields(self.content.value, message, self.type)

    @property
    def skipped(self) -> SkippedBytes | None:
        """The bytes that were skipped, if this is about such."""
        return self.finding if isinstance(self.finding, SkippedBytes) else None
