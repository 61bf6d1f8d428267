"""One connection of HTTP/1.1: from the bytes of both directions to observations.

A response belongs to the oldest request that waits for one. A response without its request gets a
made-up one (raw_reader.py). Bytes may be missing: what follows is read from the next message or
chunk on.
"""

from collections import deque
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from ...proto import recordio
from ...proto.api.apis import APIS, MASTER
from ...proto.api.negotiation import JSON
from ...proto.http.headers import header_value
from ...proto.http.reason_phrases import reason_phrase
from ..format.documents import EndCause, Side
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
    DroppedData,
    ExchangeEnd,
    RecorderNote,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from .raw_reader import Client, RawHints, made_up_request, request_of

_MAX_JOINED_BYTES = 1 << 24
_CHUNKED = CapturedHead(0, "HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")], 200)
"""The head that `curl --raw` does not write without `-i`."""

_MAX_FILLED_BYTES = 1 << 24

LOST = "they are not in the packet capture"


class HttpConnection:
    """What both sides share: requests that wait for their response, with their methods."""

    def __init__(
        self, client: Client, hints: RawHints, losses: Losses, next_number: Callable[[], int]
    ) -> None:
        self.client, self.hints, self.losses = client, hints, losses
        self.next_number = next_number
        self.waiting = deque[tuple[int, str]]()
        self.is_upgraded = False

    def end(self, at: float, cause: EndCause) -> Iterator[AnyObservation]:
        """End the exchanges that got no response."""
        for number, _ in self.waiting:
            yield ExchangeEnd(number, at, cause)
        self.waiting.clear()


class HttpSide:
    """Reads the bytes of one side, or of both, one message after the other.

    With `tells_places`, errors have the number of the byte: the bytes are those of a file.
    """

    # A message is open from its head to its end. A response whose request is not known is held
    # until its first record, or its end, tells which call it answers; then `_number` is set.
    #
    # Bytes of one chunk that came in parts are joined, and have the time of the last part.
    #
    # Lost bytes of a body, or of a chunk, are passed to the reader as zeros, so that it goes on
    # behind them, and what it makes of them is left out. If more are lost, a new reader skips to
    # the next chunk or head; what it skips is lost, too.

    def __init__(
        self, connection: HttpConnection, *, is_whole: bool = True, tells_places: bool = False
    ) -> None:
        self._connection = connection
        self._tells_places = tells_places
        self._reader = CaptureReader()
        self._at = 0.0
        self._head: CapturedHead | None = None
        self._number: int | None = None
        self._held = bytearray()
        self._chunk = bytearray()
        self._chunk_end = 0
        self._chunk_at = 0.0
        self._is_searching = not is_whole
        self._is_filling = False
        self._lost = 0

    @property
    def last_at(self) -> float:
        """When the last bytes came."""
        return self._at

    def feed(self, data: bytes, at: float = 0.0) -> Iterator[AnyObservation]:
        """Process the next bytes."""
        self._at = at
        for piece in self._reader.feed(data):
            yield from self._take(piece)

    def skip(self, size: int, at: float) -> Iterator[AnyObservation]:
        """Process the loss of bytes."""
        self._at = at
        yield from self._flush()
        self._lost += size
        if size <= min(self._reader.missing_bytes, _MAX_FILLED_BYTES):
            yield from self._tell_loss()
            self._is_filling = True
            for piece in self._reader.feed(bytes(size)):
                yield from self._take(piece)
            self._is_filling = False
        else:
            self._reader = CaptureReader()
            self._is_searching = True

    def close(self, at: float, cause: EndCause) -> Iterator[AnyObservation]:
        """Process the end of the bytes; the cause is "server" if that may be the end of a body."""
        self._at = at
        for piece in self._reader.close():
            match piece:
                case CapturedEnd():
                    is_complete = piece.is_complete and cause == "server"
                    yield from self._end(is_complete=is_complete, cause=cause)
                case _:
                    yield from self._take(piece)
        if self._head is not None:
            yield from self._end(is_complete=False, cause=cause)

    def _take(self, piece: CapturePiece) -> Iterator[AnyObservation]:
        if self._is_searching:
            self._is_searching = False
            if isinstance(piece, FramingError):
                self._lost += piece.skipped
                return
        match piece:
            case CapturedHead():
                if self._head is not None:
                    yield from self._end(is_complete=False)
                self._lost = 0
                yield from self._begin(piece)
            case CapturedBytes():
                if not self._is_filling:
                    yield from self._tell_loss()
                    yield from self._take_bytes(piece)
            case CapturedEnd():
                yield from self._end(is_complete=piece.is_complete)
            case FramingError(reason="truncated-chunk") if not self._tells_places:
                pass  # The connection ended there, and the cause of the end is kept.
            case FramingError():
                place = f"byte {piece.offset}: " * self._tells_places
                self._connection.losses.add(f"broken HTTP: {place}{piece.text}", self._number)
                if self._number is not None:
                    yield RecorderNote(self._number, self._at, piece.text)

    def _tell_loss(self) -> Iterator[AnyObservation]:
        lost, self._lost = self._lost, 0
        if lost and self._number is not None:
            yield DroppedData(self._number, self._at, self._side, 0, lost, LOST)

    @property
    def _side(self) -> Side:
        return "client" if self._head is not None and self._head.status is None else "server"

    def _begin(self, head: CapturedHead) -> Iterator[AnyObservation]:
        self._head, self._number = head, None
        connection = self._connection
        waiting, client = connection.waiting, connection.client
        if head.status is None:
            method, target, version = head.start_line.split(" ", 2)
            self._number = connection.next_number()
            waiting.append((self._number, method))
            yield RequestHead(
                self._number,
                self._at,
                client.number,
                client.peer,
                method,
                target,
                version.strip(),
                head.headers,
            )
        elif head.status == HTTPStatus.SWITCHING_PROTOCOLS:
            connection.is_upgraded = True
        elif head.status >= 200 and waiting:
            self._number, method = waiting.popleft()
            self._reader.is_bodiless = method == "HEAD"
            yield _response_head(self._number, self._at, head)

    def _take_bytes(self, piece: CapturedBytes) -> Iterator[AnyObservation]:
        """Join what is one chunk, though it was read in parts: then no framing is in between."""
        head = self._head = self._head or _CHUNKED
        if self._chunk and (piece.offset != self._chunk_end or not head.is_chunked):
            yield from self._flush()
        self._chunk += piece.data
        self._chunk_end, self._chunk_at = piece.offset + len(piece.data), self._at
        if len(self._chunk) > _MAX_JOINED_BYTES:
            yield from self._flush()

    def _flush(self) -> Iterator[AnyObservation]:
        data, self._chunk = bytes(self._chunk), bytearray()
        head = self._head
        if not data or head is None:
            return
        if self._number is None:
            if not head.is_chunked or not data[:1].isdigit() or self._held:
                if len(self._held) < _MAX_JOINED_BYTES:
                    self._held += data
                return
            yield from self._answer_to_subscribe(head, data)
        if self._number is not None:
            yield BodyData(self._number, self._chunk_at, self._side, data)

    def _answer_to_subscribe(self, head: CapturedHead, data: bytes) -> Iterator[AnyObservation]:
        pieces = recordio.Decoder().feed(data)
        payloads = [piece.payload for piece in pieces if isinstance(piece, recordio.Record)]
        connection, at = self._connection, self._chunk_at
        self._number = number = connection.next_number()
        yield from made_up_request(
            number, payloads, connection.hints, connection.losses, connection.client, at
        )
        yield _response_head(number, at, head)

    def _end(self, *, is_complete: bool, cause: EndCause = "server") -> Iterator[AnyObservation]:
        yield from self._flush()
        yield from self._tell_loss()
        head, self._head = self._head, None
        number, self._number = self._number, None
        held, self._held = bytes(self._held), bytearray()
        if head is None or (head.status is not None and head.status < 200):
            return
        if head.status is None and number is not None:
            if is_complete:
                yield RequestEnd(number, self._at)
            return
        if number is None:
            connection = self._connection
            call = _call_of(held)
            if call is None:
                connection.losses.add("answers of unknown requests are left out")
                return
            number = connection.next_number()
            api = connection.hints.api or MASTER
            body = msgspec.json.encode({"type": call})
            connection.losses.add(
                f"the request is not in the file: made up as POST /{api.route} by the answer",
                number,
            )
            yield from request_of(number, f"/{api.route}", body, JSON, connection.client, self._at)
            yield _response_head(number, self._at, head)
            yield BodyData(number, self._at, "server", held)
        if not is_complete and cause == "server":
            cause = "server-cut"
        yield ExchangeEnd(number, self._at, "server" if is_complete else cause)


def _response_head(number: int, at: float, head: CapturedHead) -> ResponseHead:
    status = head.status or 200
    reason = head.start_line.split(" ", 2)[2:] or [reason_phrase(status)]
    headers = head.headers
    if head is _CHUNKED and header_value(headers, "content-type") is None:
        headers = [*headers, ("Content-Type", JSON)]
    return ResponseHead(number, at, status, reason[0], headers)


def _call_of(answer: bytes) -> str | None:
    """Return the call that an answer in JSON belongs to: it has the same type."""
    try:
        found: Any = msgspec.json.decode(answer, type=dict[str, Any]).get("type")
    except msgspec.DecodeError:
        return None
    return found if any(found in api.call_types for api in APIS) else None
