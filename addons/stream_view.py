"""The view "Mesos RecordIO": a stream, one record after the other.

    # mesos.v1.master.Event, JSON, still running
    # 1 SUBSCRIBED, 1 HEARTBEAT
    # MALFORMED: record 3
    # the newest: 3 ?, 2 HEARTBEAT, 1 SUBSCRIBED

    --- # record 1, byte 0: 65 bytes, SUBSCRIBED
    {
      "type": "SUBSCRIBED",
    …
    --- # record 3, byte 91
    MALFORMED: "length is b'12x', expected decimal digits"
    text: "12x"

It is YAML. Of a long stream the last records are shown. What is missing at the head and at the tail
is said in a comment.
"""

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata, SyntaxHighlight

from ..proto.endpoints import ServerKind
from ..proto.recordio import Decoder
from . import display, records, tails
from .message_view import PRIORITY, side, subject_of, title
from .subjects import Subject
from .tails import Part

_UNKNOWN = Subject("unknown messages", "json", stream=True)


class StreamView(Contentview):
    """Shows RecordIO; `server` tells what kind of server `/api/v1` belongs to."""

    def __init__(self, server: Callable[[], ServerKind]) -> None:
        self._server = server

    @property
    def name(self) -> str:
        """What it is called in the menus."""
        return "Mesos RecordIO"

    @property
    def syntax_highlight(self) -> SyntaxHighlight:
        """A document for each record."""
        return "yaml"

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Claim the streams of the v1 APIs, and nothing else."""
        subject = subject_of(metadata, self._server())
        return PRIORITY if subject is not None and subject.stream else -1

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """Show a stream; never raises."""
        subject = subject_of(metadata, self._server()) or _UNKNOWN
        kept = tails.part(metadata.flow, side(metadata)) or Part(0, len(data))
        return render(data, subject, kept, running=_is_running(metadata))


def render(data: bytes, subject: Subject, kept: Part, *, running: bool) -> str:
    """Show the part of a stream that was kept."""
    head = [f"# {title(subject)}{', still running' if running else ''}"]
    if kept.inside:
        where = f"inside record {kept.number}" if kept.number else "behind a malformed length"
        head.append(f"# bytes 0 to {kept.offset - 1} are not kept; this begins {where}")
        return "\n".join([*head, "---", display.as_bytes(data), ""])
    if kept.offset:
        head.append(f"# bytes 0 to {kept.offset - 1}, up to record {kept.number}, are not kept")
    decoder = Decoder(first=kept.number, offset=kept.offset)
    pieces = decoder.feed(data)
    left = decoder.close()
    if not running:
        pieces += left
    shown = records.entries(pieces, subject)
    if len(shown) < len(pieces):
        head.append(f"# {len(pieces) - len(shown)} pieces more, up to record {shown[0].number}")
    tail = [f"# record {one.number}, byte {one.offset}: {one.size} bytes so far" for one in left]
    head += records.summary(shown) or ["# no record yet"]
    return "\n".join([*head, "", *map(str, shown), *(tail if running else [])])


def _is_running(metadata: Metadata) -> bool:
    flow, message = metadata.flow, metadata.http_message
    if not isinstance(flow, http.HTTPFlow) or message is None or flow.error is not None:
        return False
    return message.timestamp_end is None
