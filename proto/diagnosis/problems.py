"""The problems of a stream: a stable name for each reason, and its severity.

information    worth knowing; every reader accepts it
warning        every reader accepts it, but no Mesos server sends it
malformed      some or all readers fail at it, or lose something
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

type Severity = Literal["information", "warning", "malformed"]

SEVERITIES: tuple[Severity, ...] = ("information", "warning", "malformed")

SEVERITY_BY_REASON: dict[str, Severity] = {
    # The line that should be a length.
    "not-digits": "malformed",
    "sign": "malformed",
    "blank": "malformed",
    "crlf": "malformed",
    "hex": "malformed",
    "overflow": "malformed",
    "over-limit": "malformed",
    "empty-length": "malformed",
    "missing-length": "malformed",
    "truncated-length": "malformed",
    "leading-zeros": "warning",
    # The record after it.
    "truncated-record": "malformed",
    "wrong-length": "malformed",
    "empty-record": "malformed",
    "split": "information",
    # The content of the record.
    "not-utf8": "malformed",
    "not-json": "malformed",
    "not-message": "malformed",
    "missing-field": "malformed",
    "wrong-server": "malformed",
    "no-type": "malformed",
    "unknown-enum": "warning",
    # Bodies that are no stream.
    "http-answer": "malformed",
    "plain-json": "malformed",
    "gzip": "malformed",
    # The HTTP framing around a stream, in a capture.
    "http-head": "malformed",
    "chunk-size": "malformed",
    "chunk-end": "malformed",
    "truncated-chunk": "malformed",
    "content-coding": "malformed",
    # The documents of a cassette (cassettes/validation/findings.py).
    "document": "malformed",
    "conflict-mark": "malformed",
    "second-header": "malformed",
    "cut-off": "warning",
    "no-server": "warning",
    "number-twice": "malformed",
    "exchange-order": "warning",
    "unknown-exchange": "malformed",
    "unfinished-request": "warning",
    "not-a-stream": "malformed",
    "event-order": "malformed",
    "event-gap": "warning",
    "after-end": "malformed",
    "end-twice": "malformed",
    "time-backwards": "malformed",
    "before-exchange": "malformed",
    "unknown-note": "warning",
    "omitted": "warning",
    "head": "malformed",
    "status": "malformed",
    "two-bodies": "malformed",
    "encoding": "malformed",
    "body": "malformed",
    "lost-field": "malformed",
    "unknown-field": "warning",
    # The order and times of events.
    "before-subscribed": "warning",
    "gap": "warning",
    "cut": "warning",
}
"""The severity of each reason. The names are part of the output of `mesotape inspect --json`."""


class Diagnostic(Struct, frozen=True, gc=False, omit_defaults=True):
    """A problem: the name of its reason, and a text with the details.

    `start` and `stop` are the offending bytes: offsets in the stream, or in the payload if the
    diagnostic belongs to a `PayloadContent`. Both are None if no bytes can be named.
    """

    reason: str
    text: str
    start: int | None = None
    stop: int | None = None

    @property
    def severity(self) -> Severity:
        """The severity of its reason."""
        return SEVERITY_BY_REASON[self.reason]

    def shifted(self, by: int) -> "Diagnostic":
        """Return the same diagnostic with its offsets increased."""
        if self.start is None or self.stop is None:
            return self
        return replace(self, start=self.start + by, stop=self.stop + by)


def worst_severity(diagnostics: tuple[Diagnostic, ...]) -> Severity | None:
    """Return the worst severity of some diagnostics; None if there are none."""
    if not diagnostics:
        return None
    severities = {one.severity for one in diagnostics}
    return next((one for one in reversed(SEVERITIES) if one in severities), None)
