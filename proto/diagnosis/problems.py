"""Why a piece of a stream is not what it should be: the stable names, and how bad each is.

Information is worth knowing, and every reader takes it. A warning is taken too, but no Mesos server
sends it. With what is malformed some reader, or all, cannot go on or lose something.
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
    # The record behind it.
    "truncated-record": "malformed",
    "wrong-length": "malformed",
    "empty-record": "malformed",
    "split": "information",
    # What the record says.
    "not-utf8": "malformed",
    "not-json": "malformed",
    "not-message": "malformed",
    "missing-field": "malformed",
    "wrong-server": "malformed",
    "no-type": "malformed",
    "unknown-enum": "warning",
    # What is no stream at all.
    "http-answer": "malformed",
    "plain-json": "malformed",
    "gzip": "malformed",
    # Events among each other.
    "before-subscribed": "warning",
    "gap": "warning",
    "cut": "warning",
}
"""The level of each reason, by its stable name."""


class Diagnostic(Struct, frozen=True, gc=False, omit_defaults=True):
    """Something about a piece: a reason by its name, and what it is here in words.

    `start` and `stop` are the offending bytes, as offsets in bytes of the stream.
    """

    reason: str
    text: str
    start: int | None = None
    stop: int | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITY_BY_REASON[self.reason]

    def shifted(self, by: int) -> "Diagnostic":
        """The same with other offsets."""
        if self.start is None or self.stop is None:
            return self
        return replace(self, start=self.start + by, stop=self.stop + by)


def worst_severity(remarks: tuple[Diagnostic, ...]) -> Severity | None:
    """The worst level of some remarks; None if there are none."""
    levels = {remark.severity for remark in remarks}
    return next((level for level in reversed(SEVERITIES) if level in levels), None)
