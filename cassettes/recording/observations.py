"""What a proxy saw, in the order in which it saw it.

These are what the recorder tells a `Recording`: heads, pieces of bodies, ends. They travel between
processes in batches, each a 4-byte big-endian length and a MessagePack array of arrays, so that the
proxy has little to do but to pass them on. Times (`at`) are seconds on the recording's monotonic
clock.
"""

from struct import Struct as Packing

import msgspec
from msgspec import Struct

from ..format.documents import Cause, Side

type Pairs = list[tuple[str, str]]
"""Header fields as they were spelled, in order; values are Latin-1 text."""


class Fact(Struct, frozen=True, array_like=True, gc=False, tag_field="kind"):
    """What all facts have; `exchange` numbers requests in the order in which they began."""

    exchange: int
    at: float


class RequestHead(Fact, frozen=True, tag=1):
    """A request began; `client` numbers the connection that it came on."""

    client: int
    peer: str | None
    method: str
    path: str
    version: str
    headers: Pairs


class ResponseHead(Fact, frozen=True, tag=2):
    """The head of a response arrived; `reason` is the phrase on the wire."""

    status: int
    reason: str
    headers: Pairs


class Data(Fact, frozen=True, tag=3):
    """The next bytes of a body: one HTTP chunk where the body is chunked."""

    side: Side
    data: bytes


class RequestEnd(Fact, frozen=True, tag=4):
    """The request is complete."""


class ExchangeEnd(Fact, frozen=True, tag=5):
    """Nothing more will come of this exchange: `server` says that all came that should."""

    cause: Cause


class Lost(Fact, frozen=True, tag=6):
    """Bytes of a body that could not be kept, in so many pieces."""

    side: Side
    pieces: int
    size: int


class Remark(Fact, frozen=True, tag=7):
    """Something the reader of the cassette should know; exchange 0 means none in particular."""

    text: str


class Stop(Fact, frozen=True, tag=8):
    """The recording was stopped; its exchange is 0."""


type AnyFact = RequestHead | ResponseHead | Data | RequestEnd | ExchangeEnd | Lost | Remark | Stop

_LENGTH = Packing(">I")
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[AnyFact]] = msgspec.msgpack.Decoder(
    list[
        RequestHead | ResponseHead | Data | RequestEnd | ExchangeEnd | Lost | Remark | Stop
    ]  # not list[AnyFact]: msgspec does not look into the name
)


def pack(facts: list[AnyFact]) -> bytes:
    """Encode a batch of facts."""
    body = _encoder.encode(facts)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Batches back into facts; an unfinished batch waits for the rest of it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[AnyFact]:
        """Give the facts of the batches that these bytes complete."""
        self._buffer += data
        facts: list[AnyFact] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            facts += _decoder.decode(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
        return facts
