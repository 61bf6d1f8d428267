"""What a proxy saw, in the order in which it saw it.

These are what the recorder tells a `Recording`: heads, pieces of bodies, ends. They travel between
processes in batches, each a 4-byte big-endian length and a MessagePack array of arrays, so that the
proxy has little to do but to pass them on. Times (`at`) are seconds on the recording's monotonic
clock.
"""

from struct import Struct as Packing

import msgspec
from msgspec import Struct

from ..format.documents import EndCause, Side

type HeaderFields = list[tuple[str, str]]
"""Header fields as they were spelled, in order; values are Latin-1 text."""


class Observation(Struct, frozen=True, array_like=True, gc=False, tag_field="kind"):
    """What all facts have; `exchange` numbers requests in the order in which they began."""

    exchange: int
    at_seconds: float


class RequestHead(Observation, frozen=True, tag=1):
    """A request began; `client` numbers the connection that it came on."""

    client: int
    peer: str | None
    method: str
    path: str
    version: str
    headers: HeaderFields


class ResponseHead(Observation, frozen=True, tag=2):
    """The head of a response arrived; `reason` is the phrase on the wire."""

    status: int
    reason: str
    headers: HeaderFields


class BodyData(Observation, frozen=True, tag=3):
    """The next bytes of a body: one HTTP chunk where the body is chunked."""

    side: Side
    data: bytes


class RequestEnd(Observation, frozen=True, tag=4):
    """The request is complete."""


class ExchangeEnd(Observation, frozen=True, tag=5):
    """Nothing more will come of this exchange: `server` says that all came that should."""

    cause: EndCause


class DroppedData(Observation, frozen=True, tag=6):
    """Bytes of a body that could not be kept, in so many pieces."""

    side: Side
    chunk_count: int
    size: int


class RecorderNote(Observation, frozen=True, tag=7):
    """Something the reader of the cassette should know; exchange 0 means none in particular."""

    text: str


class RecordingStopped(Observation, frozen=True, tag=8):
    """The recording was stopped; its exchange is 0."""


type AnyObservation = (
    RequestHead
    | ResponseHead
    | BodyData
    | RequestEnd
    | ExchangeEnd
    | DroppedData
    | RecorderNote
    | RecordingStopped
)

_LENGTH = Packing(">I")
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[AnyObservation]] = msgspec.msgpack.Decoder(
    list[
        RequestHead
        | ResponseHead
        | BodyData
        | RequestEnd
        | ExchangeEnd
        | DroppedData
        | RecorderNote
        | RecordingStopped
    ]  # not list[AnyFact]: msgspec does not look into the name
)


def encode_batch(facts: list[AnyObservation]) -> bytes:
    """Encode a batch of facts."""
    body = _encoder.encode(facts)
    return _LENGTH.pack(len(body)) + body


class BatchDecoder:
    """Batches back into facts; an unfinished batch waits for the rest of it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[AnyObservation]:
        """Give the facts of the batches that these bytes complete."""
        self._buffer += data
        facts: list[AnyObservation] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            facts += _decoder.decode(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
        return facts
