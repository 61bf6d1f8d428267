"""What the list of flows shows of a flow: its call, how many events passed, and a mark.

    GET_AGENTS
    SUBSCRIBE · 16 events
    SUBSCRIBE · 16 events · 1 malformed        ⚠

The text is the comment of the flow. A comment or a mark that the user made stays.
"""

from mitmproxy import http

from ...proto.counted import counted
from ...proto.diagnosis.examiner import Examiner
from ...proto.diagnosis.findings import Finding
from .body_type import BodyType

MALFORMED_MARK = ":warning:"
"""mitmproxy's name of ⚠."""

_LABEL = "mesotape.label"
_MAX_EXAMINED_BYTES = 1 << 20
_TOO_LONG = "over-limit"


class EventCount:
    """Counts the records of a passing stream: 1 to 3 µs each.

    `events` is how many there are, of which `malformed` are broken. One that is longer than 1 MiB
    is taken for valid.
    """

    def __init__(self, body_type: BodyType) -> None:
        self.events = self.malformed = 0
        self._examiner = Examiner(
            body_type.message_name,
            body_type.encoding,
            max_record_bytes=_MAX_EXAMINED_BYTES,
            await_next_record=False,
        )

    def feed(self, data: bytes) -> None:
        """Count the next bytes; empty bytes are the end of the stream."""
        findings = self._examiner.feed(data) if data else self._examiner.close()
        self.events += len(findings)
        self.malformed += sum(map(_is_malformed, findings))


def _is_malformed(finding: Finding) -> bool:
    return finding.severity == "malformed" and finding.diagnostics[0].reason != _TOO_LONG


def label_flow(flow: http.HTTPFlow, call: str, counts: list[EventCount]) -> None:
    """Show the call of a flow and what is counted, as its comment; mark it if it is malformed."""
    label = flow.metadata.get(_LABEL)
    if label is not None and not counts:
        return  # Its streams have ended.
    texts = [call]
    if counts:
        texts.append(counted(sum(each.events for each in counts), "event"))
    if malformed := sum(each.malformed for each in counts):
        texts.append(f"{malformed} malformed")
        flow.marked = flow.marked or MALFORMED_MARK
    text = " · ".join(texts)
    if flow.comment in ("", label):
        flow.comment = flow.metadata[_LABEL] = text
