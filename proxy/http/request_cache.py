r"""A cache of parsed requests, for clients that repeat them or their heads.

    POST /api/v1 HTTP/1.1\r\nContent-Length: 22\r\n\r\n{"type":"GET_VERSION"}

Received bytes are cached together with the requests in them. So is the outline of a head: its lines
without the headers that neither the parser nor the matching of requests looks at, because some
clients put a new id into each head (`X-Request-Id: …`). With it, only the body has to be cut off.

Both are cached when they arrive for the second time. A call of 1 KB takes 1 µs if its bytes are
cached, 6 µs if the outline of its head is, and 13 µs if it is parsed.
"""

from ...cassettes.answers.byte_cache import ByteCache
from ...proto.http.request import MATCHED_HEADERS, HttpRequest
from .http1 import CompleteRequest, RequestEvent

_MAX_BYTES = 32 * 1024 * 1024
_MAX_REQUEST_BYTES = 8 * 1024
_REQUEST_BYTES = 1024
"""Bytes of all cached requests, and of the longest; what one takes besides its bytes."""

_MAX_OUTLINE_BYTES = 1024 * 1024
_MAX_HEAD_BYTES = 8 * 1024
"""Bytes of the heads of all outlines, and of the longest. An outline takes six times as much."""

_MAX_LINES = 4096
_MAX_HASHES = 1 << 15
"""Lines of headers that are cached, and hashes of bytes that arrived once."""

_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"
_VISIBLE = bytes(range(0x20, 0x7F))
_NAME_BYTES = b"-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_OUTLINE_HEADERS = frozenset(MATCHED_HEADERS) | {
    b"authorization",
    b"connection",
    b"content-length",
    b"expect",
    b"http2-settings",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
}
"""Headers that the parser or the matching of requests looks at."""

type _Header = tuple[bytes, bytes]
type _Outline = tuple[bytes, ...]


class RequestCache:
    """Parsed requests by their bytes. Connections with equal limits can share one.

    Of a request whose head is longer than `max_head_bytes` nothing is cached.
    """

    def __init__(self, max_head_bytes: int = _MAX_HEAD_BYTES) -> None:
        self._max_head_bytes = min(max_head_bytes, _MAX_HEAD_BYTES)
        self._requests = ByteCache[bytes, list[RequestEvent]](
            _MAX_BYTES, _MAX_REQUEST_BYTES + _REQUEST_BYTES
        )
        self._outlines = ByteCache[_Outline, tuple[HttpRequest, int]](
            _MAX_OUTLINE_BYTES, _MAX_HEAD_BYTES
        )
        self._lines: dict[bytes, tuple[_Header, bytes]] = {}
        self._hashes = set[int]()

    def get(self, data: bytes) -> list[RequestEvent] | None:
        """Return the requests in `data`, or None if they cannot be known without parsing.

        Valid only for a connection on which no request has begun.
        """
        events = self._requests.get(data)
        if events is None and (events := self._cut(data)) and self._has_come_before(data):
            self._requests.put(data, events, len(data) + _REQUEST_BYTES * len(events))
        return events

    def put(self, data: bytes, event: RequestEvent) -> None:
        """Cache the outline of a request, if it repeats and tells all but the body.

        `data` is what the request was parsed from, alone and in whole.
        """
        if not isinstance(event, CompleteRequest) or not event.keep_alive:
            return
        request, begin = event.request, data.find(_HEAD_END) + len(_HEAD_END)
        # They differ if the body is chunked, or the head ends earlier, with two bare line feeds.
        if request.body != data[begin:] or not _is_plain(request):
            return
        outline, headers = self._divide(data[:begin])
        if outline and headers == request.headers and self._has_come_before(outline):
            self._outlines.put(outline, (request.with_body(b""), len(request.body)), begin)
            self._cache_lines(data[:begin])

    def _cut(self, data: bytes) -> list[RequestEvent] | None:
        """Cut bytes into requests by their outlines; None if one is unknown or incomplete."""
        requests: list[RequestEvent] = []
        position = 0
        while position < len(data):
            begin = data.find(_HEAD_END, position) + len(_HEAD_END)
            if not 0 < begin - position - len(_HEAD_END) < self._max_head_bytes:
                return None
            outline, headers = self._divide(data[position:begin])
            similar = self._outlines.get(outline)
            if similar is None or begin + similar[1] > len(data):
                return None
            position = begin + similar[1]
            request = similar[0].with_headers(headers, data[begin:position])
            requests.append(CompleteRequest(request, True))
        return requests

    def _divide(self, head: bytes) -> tuple[_Outline, tuple[_Header, ...]]:
        """Return the outline of a head, and its headers.

        Both are empty if there is none, or the parser might divide the head in another way.
        """
        first, *lines = head[: -len(_HEAD_END)].split(_LINE_END)
        known = self._lines.get
        parsed = [known(line) or _parse_line(line) for line in lines]
        if None in parsed:
            return (), ()
        if not parsed:
            return (first,), ()
        headers, outline = zip(*parsed, strict=True)
        return (first, *outline), headers

    def _cache_lines(self, head: bytes) -> None:
        if len(self._lines) >= _MAX_LINES:
            self._lines.clear()
        for line in head[: -len(_HEAD_END)].split(_LINE_END)[1:]:
            if (parsed := _parse_line(line)) is not None:
                self._lines[line] = parsed

    def _has_come_before(self, head: bytes | _Outline) -> bool:
        if (digest := hash(head)) in self._hashes:
            return True
        if len(self._hashes) >= _MAX_HASHES:
            self._hashes.clear()
        self._hashes.add(digest)
        return False


def _parse_line(line: bytes) -> tuple[_Header, bytes] | None:
    """Return a header and what the outline has of its line.

    None if it is not certain that all parsers divide the line in the same way.
    """
    name, _, value = line.partition(b": ")
    if not name or not value or value != value.strip():
        return None
    if name.translate(None, _NAME_BYTES) or value.translate(None, _VISIBLE):
        return None
    return (name, value), line if name.lower() in _OUTLINE_HEADERS else b""


def _is_plain(request: HttpRequest) -> bool:
    """Return whether each request with this head is returned as a whole, and its body as it is."""
    values = request.headers_by_name
    is_stream = values.get(b"content-type") == b"application/recordio"
    return not is_stream and values.get(b"content-encoding") != b"gzip"
