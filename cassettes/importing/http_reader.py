r"""HTTP/1.1 as `curl --raw`, netcat and tcpflow write it, as traffic.

    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n20\n{"type":"HEARTBEAT"}\r\n

The file has one direction of a connection, or requests and responses after each other. A response
without its request gets a made-up one (raw_reader.py). There are no times.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ...proto import recordio
from ...proto.api.apis import APIS, MASTER
from ...proto.api.negotiation import JSON
from ...proto.http.headers import header_value
from ...proto.http.reason_phrases import reason_phrase
from ..inspection.http_capture import (
    CapturedBytes,
    CapturedEnd,
    CapturedHead,
    CapturePiece,
    CaptureReader,
    FramingError,
)
from ..interchange.losses import Losses
from ..recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    RecorderNote,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from .raw_reader import RawHints, made_up_request, request_of
from .traffic import Traffic

_MAX_JOINED_BYTES = 1 << 24
_CHUNKED = CapturedHead(0, "HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")], 200)
"""The head that `curl --raw` does not write without `-i`."""


def read_http(blocks: Iterable[bytes], hints: RawHints, losses: Losses) -> Traffic:
    """Read a capture of HTTP."""
    losses.add("times are not in the file: all is at once")
    server = None if hints.api is None else hints.api.server
    return Traffic(
        tool="a capture of HTTP", server=server, items=_Capture(hints, losses).observe(blocks)
    )


class _Capture:
    """What was read so far: requests that wait for their response, and the open message."""

    # A message is open from its head to its end. A response whose request is not in the file is
    # held until its first record, or its end, tells which call it answers; then `_number` is set.

    def __init__(self, hints: RawHints, losses: Losses) -> None:
        self._hints, self._losses = hints, losses
        self._count = 0
        self._waiting = deque[int]()
        self._head: CapturedHead | None = None
        self._number: int | None = None
        self._held = bytearray()
        self._chunk = bytearray()
        self._chunk_end = 0

    def observe(self, blocks: Iterable[bytes]) -> Iterator[AnyObservation]:
        reader = CaptureReader()
        for block in blocks:
            for piece in reader.feed(block):
                yield from self._take(piece)
        for piece in reader.close():
            yield from self._take(piece)
        for number in self._waiting:
            yield ExchangeEnd(number, 0.0, "stopped")

    def _take(self, piece: CapturePiece) -> Iterator[AnyObservation]:
        match piece:
            case CapturedHead():
                yield from self._begin(piece)
            case CapturedBytes():
                yield from self._take_bytes(piece)
            case CapturedEnd():
                yield from self._end(is_complete=piece.is_complete)
            case FramingError():
                self._losses.add(f"broken HTTP: byte {piece.offset}: {piece.text}", self._number)
                if self._number is not None:
                    yield RecorderNote(self._number, 0.0, piece.text)

    def _begin(self, head: CapturedHead) -> Iterator[AnyObservation]:
        self._head, self._number = head, None
        if head.status is None:
            method, target, version = head.start_line.split(" ", 2)
            self._count += 1
            self._number = self._count
            self._waiting.append(self._count)
            yield RequestHead(
                self._count, 0.0, 1, None, method, target, version.strip(), head.headers
            )
        elif head.status >= 200 and self._waiting:
            self._number = self._waiting.popleft()
            yield _response_head(self._number, head)

    def _take_bytes(self, piece: CapturedBytes) -> Iterator[AnyObservation]:
        """Join what is one chunk, though it was read in parts: then no framing is in between."""
        head = self._head = self._head or _CHUNKED
        if self._chunk and (piece.offset != self._chunk_end or not head.is_chunked):
            yield from self._flush()
        self._chunk += piece.data
        self._chunk_end = piece.offset + len(piece.data)
        if len(self._chunk) > _MAX_JOINED_BYTES:
            yield from self._flush()

    def _flush(self) -> Iterator[AnyObservation]:
        data, self._chunk = bytes(self._chunk), bytearray()
        head = self._head
        if not data or head is None:
            return
        if self._number is None:
            if not head.is_chunked or not data[:1].isdigit() or self._held:
                self._held += data
                return
            yield from self._answer_to_subscribe(head, data)
        if self._number is not None:
            yield BodyData(self._number, 0.0, "client" if head.status is None else "server", data)

    def _answer_to_subscribe(self, head: CapturedHead, data: bytes) -> Iterator[AnyObservation]:
        pieces = recordio.Decoder().feed(data)
        payloads = [piece.payload for piece in pieces if isinstance(piece, recordio.Record)]
        self._count += 1
        self._number = self._count
        yield from made_up_request(self._count, payloads, self._hints, self._losses)
        yield _response_head(self._number, head)

    def _end(self, *, is_complete: bool) -> Iterator[AnyObservation]:
        yield from self._flush()
        head, self._head = self._head, None
        number, self._number = self._number, None
        held, self._held = bytes(self._held), bytearray()
        if head is None or (head.status is not None and head.status < 200):
            return
        if head.status is None and number is not None:
            if is_complete:
                yield RequestEnd(number, 0.0)
            return
        if number is None:
            call = _call_of(held)
            if call is None:
                self._losses.add("answers of unknown requests are left out")
                return
            self._count += 1
            number = self._count
            api = self._hints.api or MASTER
            body = msgspec.json.encode({"type": call})
            self._losses.add(
                f"the request is not in the file: made up as POST /{api.route} by the answer",
                number,
            )
            yield from request_of(number, f"/{api.route}", body, JSON)
            yield _response_head(number, head)
            yield BodyData(number, 0.0, "server", held)
        yield ExchangeEnd(number, 0.0, "server" if is_complete else "server-cut")


def _response_head(number: int, head: CapturedHead) -> ResponseHead:
    status = head.status or 200
    reason = head.start_line.split(" ", 2)[2:] or [reason_phrase(status)]
    headers = head.headers
    if head is _CHUNKED and header_value(headers, "content-type") is None:
        headers = [*headers, ("Content-Type", JSON)]
    return ResponseHead(number, 0.0, status, reason[0], headers)


def _call_of(answer: bytes) -> str | None:
    """Return the call that an answer in JSON belongs to: it has the same type."""
    try:
        found: Any = msgspec.json.decode(answer, type=dict[str, Any]).get("type")
    except msgspec.DecodeError:
        return None
    return found if any(found in api.call_types for api in APIS) else None
