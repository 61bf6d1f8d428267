"""What a proxy saw, in the order in which it saw it.

These are what the recorder tells a `Recording`: heads, pieces of bodies, ends. They travel between
processes as frames, each a 4-byte big-endian length and a MessagePack array, so that the proxy has
nothing to do but to pass them on. Times (`at`) are seconds on the recording's monotonic clock.
"""

from collections.abc import Iterator
from struct import Struct as Packing

import msgspec
from msgspec import Struct

from .documents import Cause, Side

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
_decoder: msgspec.msgpack.Decoder[AnyFact] = msgspec.msgpack.Decoder(
    RequestHead | ResponseHead | Data | RequestEnd | ExchangeEnd | Lost | Remark | Stop
)


def pack(fact: AnyFact) -> bytes:
    """Encode one fact as a frame."""
    body = _encoder.encode(fact)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Frames back into facts; an unfinished frame waits for the rest of it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[AnyFact]:
        """Give the facts that these bytes complete."""
        self._buffer += data
        used = 0
        with memoryview(bytes(self._buffer)) as view:
            while used + 4 <= len(view):
                (length,) = _LENGTH.unpack_from(view, used)
                if used + 4 + length > len(view):
                    break
                yield _decoder.decode(view[used + 4 : used + 4 + length])
                used += 4 + length
        del self._buffer[:used]
