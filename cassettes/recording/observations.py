"""Observations of traffic, in the order in which a proxy made them: heads, body data, ends.

The recorder sends them to a `Recording` in another process, in batches. A batch is a 4-byte
big-endian length and a MessagePack array of arrays, which costs the proxy little to write. Times
are seconds on the recording's monotonic clock.
"""

from struct import Struct as Packing

import msgspec
from msgspec import Struct

from ...proto.shown_text import escape_surrogates
from ..format.documents import EndCause, Side

type HeaderFields = list[tuple[str, str]]
"""Header fields in order, names with their spelling; values are Latin-1 text."""


class Observation(Struct, frozen=True, array_like=True, gc=False, tag_field="kind"):
    """The members of all observations; exchanges are numbered in the order of their requests."""

    exchange: int
    at_seconds: float


class RequestHead(Observation, frozen=True, tag=1):
    """The head of a request; `client` numbers its connection, `peer` is the client's address."""

    client: int
    peer: str | None
    method: str
    path: str
    version: str
    headers: HeaderFields


class ResponseHead(Observation, frozen=True, tag=2):
    """The head of a response; `reason` is the phrase on the wire."""

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
    """The end of an exchange; its cause is "server" if the response is complete."""

    cause: EndCause


class DroppedData(Observation, frozen=True, tag=6):
    """Bytes of a body that were not kept: how many chunks (0: unknown) and bytes they were."""

    side: Side
    chunk_count: int
    size: int
    reason: str = "the disk was too slow"


class RecorderNote(Observation, frozen=True, tag=7):
    """A message to readers of the cassette; exchange 0 means that it is about no exchange."""

    text: str

    def __post_init__(self) -> None:
        """Make the text one that can be packed: texts of mitmproxy may have lone surrogates."""
        if not self.text.isascii():
            msgspec.structs.force_setattr(self, "text", escape_surrogates(self.text))


class RecordingStopped(Observation, frozen=True, tag=8):
    """The recording was stopped; its exchange is 0."""


class MissingBody(Observation, frozen=True, tag=9):
    """A body, or the rest of it, that could not be observed, and why."""

    side: Side
    reason: str


class RecordingDiscarded(Observation, frozen=True, tag=10):
    """The recording did not start: a new file is removed again. Its exchange is 0."""


class RecordingContinued(Observation, frozen=True, tag=11):
    """The process that wrote the cassette was killed, and another one goes on from here.

    `first_exchange` is the first number of this recording, and `open_exchanges` are those that have
    not ended. Its exchange is 0.
    """

    first_exchange: int
    open_exchanges: list[int]


type AnyObservation = (
    RequestHead
    | ResponseHead
    | BodyData
    | RequestEnd
    | ExchangeEnd
    | DroppedData
    | RecorderNote
    | RecordingStopped
    | MissingBody
    | RecordingDiscarded
    | RecordingContinued
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
        | MissingBody
        | RecordingDiscarded
        | RecordingContinued
    ]  # Spelled out, because msgspec does not resolve the alias `AnyObservation`.
)


def run_key(observation: AnyObservation) -> object:
    """Return a value that is the same for data of one side of an exchange, and else unique."""
    if isinstance(observation, BodyData):
        return observation.exchange, observation.side
    return id(observation)


def encode_batch(observations: list[AnyObservation]) -> bytes:
    """Return a batch of observations as bytes."""
    body = _encoder.encode(observations)
    return _LENGTH.pack(len(body)) + body


class BatchDecoder:
    """Decodes batches; an unfinished batch is held until its rest is fed."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[AnyObservation]:
        """Decode the next bytes, and return the observations of the batches that they complete."""
        self._buffer += data
        observations: list[AnyObservation] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            observations += _decoder.decode(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
        return observations
