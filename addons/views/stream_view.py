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

The text is YAML. Of a long stream the last records are shown; comments report what is missing
before and after them.
"""

from collections.abc import Callable
from typing import Literal, override

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from ...proto.api.apis import ServerKind
from ...proto.counted import counted
from ...proto.diagnosis.examiner import Examiner
from ...proto.diagnosis.findings import Finding
from . import display, kept_body, record_text
from .body_type import BodyType
from .kept_body import KeptRange, TailBuffer
from .message_view import RENDER_PRIORITY, format_title, metadata_body_type, request_or_response

MAX_EXAMINED_BYTES = 1024 * 1024
"""Bytes at the end of a stream that are examined for one text, while the traffic waits."""

_REASONS_OF_UNFINISHED = ("truncated-record", "truncated-length")

_UNKNOWN = BodyType("", "json", is_stream=True)


class StreamView(Contentview):
    """Shows RecordIO streams, record by record.

    `server` returns the kind of server of `/api/v1`, and `is_newest_first` whether to reverse the
    order.
    """

    def __init__(
        self, server: Callable[[], ServerKind], is_newest_first: Callable[[], bool] = bool
    ) -> None:
        self._server, self._is_newest_first = server, is_newest_first

    @property
    @override
    def name(self) -> str:
        return "Mesos RecordIO"

    @property
    @override
    def syntax_highlight(self) -> Literal["yaml"]:
        return "yaml"

    @override
    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        body_type = metadata_body_type(metadata, self._server())
        return RENDER_PRIORITY if body_type is not None and body_type.is_stream else -1

    @override
    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Format a stream; never raises."""
        body_type = metadata_body_type(metadata, self._server()) or _UNKNOWN
        kept = kept_body.load_kept_range(metadata.flow, request_or_response(metadata))
        return render_stream(
            data,
            body_type,
            kept or KeptRange(0, len(data)),
            running=_is_running(metadata),
            newest_first=self._is_newest_first(),
        )


def render_stream(
    data: bytes, body_type: BodyType, kept: KeptRange, *, running: bool, newest_first: bool = False
) -> str:
    """Format the kept part of a stream, or the last `MAX_EXAMINED_BYTES` of it."""
    if len(data) > MAX_EXAMINED_BYTES:
        data, kept = _cut_to_tail(data, kept)
    head = [f"# {format_title(body_type)}{', still running' if running else ''}"]
    if kept.inside and kept.number:
        place = _format_place(kept)
        head.append(f"# bytes 0 to {kept.offset - 1} are not shown; this is inside {place}")
        return "\n".join([*head, "---", display.render_bytes(data), ""])
    if kept.offset:
        head.append(f"# bytes 0 to {kept.offset - 1} are not shown, up to {_format_place(kept)}")
    findings = _examine(data, body_type, kept)
    unfinished = findings.pop() if running and findings and _is_unfinished(findings[-1]) else None
    texts = record_text.render_records(findings, body_type)
    if len(texts) < len(findings):
        head.append(f"# not shown: {counted(len(findings) - len(texts), 'record')} before these")
    if unfinished is not None:
        place = f"byte {unfinished.offset}, {counted(unfinished.size, 'byte')} so far"
        texts.append(f"# record {unfinished.number}: {place}")
    ordered = reversed(texts) if newest_first else texts
    return "\n".join([*head, *record_text.summarize_records(findings), " ", *ordered])


def _cut_to_tail(data: bytes, kept: KeptRange) -> tuple[bytes, KeptRange]:
    tail = TailBuffer(MAX_EXAMINED_BYTES)
    tail.feed(data)
    data, tail_range = tail.snapshot()
    return data, tail_range.offset_by(kept)


def _examine(data: bytes, body_type: BodyType, kept: KeptRange) -> list[Finding]:
    examiner = Examiner(
        body_type.message_name or None,
        body_type.encoding if body_type.message_name else None,
        first_number=kept.number or 1,
        offset=kept.offset,
    )
    return [*examiner.feed(data), *examiner.close()]


def _format_place(kept: KeptRange) -> str:
    if kept.number:
        return f"record {kept.number}"
    return "the bytes after a malformed length; records are counted from here"


def _is_unfinished(last: Finding) -> bool:
    return any(one.reason in _REASONS_OF_UNFINISHED for one in last.diagnostics)


def _is_running(metadata: Metadata) -> bool:
    flow, message = metadata.flow, metadata.http_message
    if not isinstance(flow, http.HTTPFlow) or message is None or flow.error is not None:
        return False
    return message.timestamp_end is None
