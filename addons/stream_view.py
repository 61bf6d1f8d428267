r"""The view "Mesos RecordIO": a stream, one record after the other.

    # mesos.v1.master.Event, JSON, still running
    # 1 SUBSCRIBED, 1 HEARTBEAT
    # MALFORMED: record 3, byte 98: length is b'12x', expected decimal digits and a newline
    # the newest: 3 MALFORMED, 2 HEARTBEAT, 1 SUBSCRIBED

    --- # record 1, SUBSCRIBED: byte 0, 73 bytes
    {
      "type": "SUBSCRIBED",
    …
    --- # record 3, MALFORMED: byte 96, 4 bytes
    MALFORMED: "byte 98: length is b'12x', expected decimal digits and a newline"
    text: "12x\n"

It is YAML. Of a long stream the last records are shown. What is missing at the head and at the tail
is said in a comment.
"""

from collections.abc import Callable
from typing import Literal

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from ..proto.api.apis import ServerKind
from ..proto.diagnosis.examiner import Examiner
from ..proto.diagnosis.findings import Finding
from . import display, kept_body, record_text
from .body_type import BodyType
from .kept_body import KeptRange, TailBuffer
from .message_view import RENDER_PRIORITY, format_title, metadata_body_type, request_or_response

MAX_EXAMINED_BYTES = 1024 * 1024
"""Bytes at the end of a stream that are looked at for one text, while the traffic waits."""

UNFINISHED = ("truncated-record", "truncated-length")

_UNKNOWN = BodyType("", "json", is_stream=True)


class StreamView(Contentview):
    """Shows RecordIO; `server` tells what kind of server `/api/v1` belongs to.

    `newest_first` tells whether to turn the order of the records round.
    """

    def __init__(
        self, server: Callable[[], ServerKind], newest_first: Callable[[], bool] = bool
    ) -> None:
        self._server, self._newest_first = server, newest_first

    @property
    def name(self) -> str:
        """What it is called in the menus."""
        return "Mesos RecordIO"

    @property
    def syntax_highlight(self) -> Literal["yaml"]:
        """A document for each record."""
        return "yaml"

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Claim the streams of the v1 APIs, and nothing else."""
        subject = metadata_body_type(metadata, self._server())
        return RENDER_PRIORITY if subject is not None and subject.is_stream else -1

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Show a stream; never raises."""
        subject = metadata_body_type(metadata, self._server()) or _UNKNOWN
        kept = kept_body.load_kept_range(metadata.flow, request_or_response(metadata)) or KeptRange(
            0, len(data)
        )
        running, newest_first = _is_running(metadata), self._newest_first()
        return render_stream(data, subject, kept, running=running, newest_first=newest_first)


def render_stream(
    data: bytes, subject: BodyType, kept: KeptRange, *, running: bool, newest_first: bool = False
) -> str:
    """Show the part of a stream that was kept, or the end of it if that is much."""
    if len(data) > MAX_EXAMINED_BYTES:
        data, kept = _end(data, kept)
    head = [f"# {format_title(subject)}{', still running' if running else ''}"]
    if kept.inside and kept.number:
        head.append(f"# bytes 0 to {kept.offset - 1} are not shown; this is inside {_where(kept)}")
        return "\n".join([*head, "---", display.render_bytes(data), ""])
    if kept.offset:
        head.append(f"# bytes 0 to {kept.offset - 1} are not shown, up to {_where(kept)}")
    findings = _examined(data, subject, kept)
    unfinished = findings.pop() if running and findings and _is_unfinished(findings[-1]) else None
    shown = record_text.render_records(findings, subject)
    if len(shown) < len(findings):
        head.append(f"# {len(findings) - len(shown)} records before these are not shown")
    if unfinished is not None:
        shown.append(_so_far(unfinished))
    ordered = reversed(shown) if newest_first else shown
    return "\n".join([*head, *record_text.summarize_records(findings), " ", *ordered])


def _end(data: bytes, kept: KeptRange) -> tuple[bytes, KeptRange]:
    tail = TailBuffer(MAX_EXAMINED_BYTES)
    tail.feed(data)
    data, end = tail.snapshot()
    return data, end.offset_by(kept)


def _examined(data: bytes, subject: BodyType, kept: KeptRange) -> list[Finding]:
    examiner = Examiner(
        subject.message_name or None,
        subject.encoding if subject.message_name else None,
        first_number=kept.number or 1,
        offset=kept.offset,
    )
    return [*examiner.feed(data), *examiner.close()]


def _where(kept: KeptRange) -> str:
    if kept.number:
        return f"record {kept.number}"
    return "what follows a malformed length; records are counted from here"


def _is_unfinished(last: Finding) -> bool:
    return any(remark.reason in UNFINISHED for remark in last.diagnostics)


def _so_far(last: Finding) -> str:
    return f"# record {last.number}: byte {last.offset}, {last.size} bytes so far"


def _is_running(metadata: Metadata) -> bool:
    flow, message = metadata.flow, metadata.http_message
    if not isinstance(flow, http.HTTPFlow) or message is None or flow.error is not None:
        return False
    return message.timestamp_end is None
