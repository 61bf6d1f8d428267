r"""Raw bytes as traffic: the records of one stream, or HTTP as `curl --raw` and tcpflow write it.

    20\n{"type":"HEARTBEAT"}                    records: the answer to a SUBSCRIBE that is made up
    HTTP/1.1 200 OK\r\n…\r\n17\r\n20\n{"type…   HTTP, of one direction or of both after each other

There are no times in such files. A response without its request gets a made-up one. Bytes are read
once, block by block.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from ...proto import recordio
from ...proto.api.apis import APIS, MASTER, Api
from ...proto.api.negotiation import JSON, PROTOBUF
from ...proto.diagnosis.json_content import is_json_object
from ...proto.diagnosis.stream_type import StreamType
from ..interchange.losses import Losses
from ..recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    HeaderFields,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from .traffic import RECORD_TIMES, ForeignFileError, Traffic

_MOST_EXAMINED_RECORDS = 20

_SUBSCRIBE = b'{"type":"SUBSCRIBE"}'
_STREAM_CALLS = {
    "executor": b'{"type":"SUBSCRIBE","executor_id":{"value":"unknown"},'
    b'"framework_id":{"value":"unknown"},"subscribe":{}}',
    "agent": b'{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":'
    b'{"container_id":{"value":"unknown"}}}',
}
"""By the name of an API: calls that have required fields."""


class RawHints(Struct, frozen=True, kw_only=True):
    """What raw bytes do not tell: the API, and the call that a stream answers, as JSON.

    None: the API is that of the records, and the call the one that has streams there.
    """

    api: Api | None = None
    request: bytes | None = None


class Client(Struct, frozen=True):
    """The connection of a client, and its address."""

    number: int = 1
    peer: str | None = None


def read_raw_stream(blocks: Iterable[bytes], hints: RawHints, losses: Losses) -> Traffic:
    """Read the records of one stream. Raises ForeignFileError if it does not begin with one."""
    decoder = recordio.Decoder()
    rest = iter(blocks)
    first: list[recordio.RecordIOPiece] = []
    for block in rest:
        first += decoder.feed(block)
        if first:
            break
    else:
        first += decoder.close()
    if not first or not isinstance(first[0], recordio.Record):
        found = first[0].data[:20] if first else b""
        raise ForeignFileError(f"not a stream of records: found {found!r} at the start")
    payloads = [piece.payload for piece in first if isinstance(piece, recordio.Record)]
    hints = replace(hints, api=hints.api or guess_api(payloads))
    return Traffic(
        tool="a raw stream",
        server=None if hints.api is None else hints.api.server,
        items=_observe_stream(payloads, chain(first, _pieces(decoder, rest)), hints, losses),
    )


def _pieces(decoder: recordio.Decoder, blocks: Iterable[bytes]) -> Iterator[recordio.RecordIOPiece]:
    for block in blocks:
        yield from decoder.feed(block)
    yield from decoder.close()


def _observe_stream(
    payloads: list[bytes],
    pieces: Iterable[recordio.RecordIOPiece],
    hints: RawHints,
    losses: Losses,
) -> Iterator[AnyObservation]:
    yield from made_up_request(1, payloads, hints, losses, Client())
    media_type = JSON if is_json_object(payloads[0]) else PROTOBUF
    headers = [("Content-Type", media_type), ("Transfer-Encoding", "chunked")]
    yield ResponseHead(1, 0.0, 200, "OK", headers)
    losses.add(RECORD_TIMES, 1)
    yield from (BodyData(1, 0.0, "server", piece.data) for piece in pieces)
    losses.add("how the stream ended is not in the file: taken for stopped", 1)
    yield ExchangeEnd(1, 0.0, "stopped")


def made_up_request(
    number: int,
    payloads: list[bytes],
    hints: RawHints,
    losses: Losses,
    client: Client,
    at: float = 0.0,
) -> Iterator[AnyObservation]:
    """Iterate over a request that a stream may have answered, by its first records."""
    api = hints.api or guess_api(payloads)
    accepts = JSON if not payloads or is_json_object(payloads[0]) else PROTOBUF
    call = hints.request or _STREAM_CALLS.get(api.name, _SUBSCRIBE)
    text = f"the request is not in the file: made up as POST /{api.route} {call.decode()}"
    losses.add(text, number)
    yield from request_of(number, f"/{api.route}", call, accepts, client, at)


def request_of(
    number: int, path: str, body: bytes, accepts: str, client: Client, at: float
) -> Iterator[AnyObservation]:
    """Iterate over the observations of a POST with a body in JSON."""
    headers: HeaderFields = [
        ("Content-Type", JSON),
        ("Accept", accepts),
        ("Content-Length", str(len(body))),
    ]
    sender = client.number, client.peer
    yield RequestHead(number, at, *sender, "POST", path, "HTTP/1.1", headers)
    yield BodyData(number, at, "client", body)
    yield RequestEnd(number, at)


def guess_api(payloads: list[bytes]) -> Api:
    """Return the API whose events the records are: that of a master, if they do not tell."""
    stream_type = StreamType(None, None)
    for payload in payloads[:_MOST_EXAMINED_RECORDS]:
        content = stream_type.examine(payload)
        if content.value is not None:
            stream_type.learn_from_record(payload, content)
        if stream_type.message_name is not None:
            break
    fitting = (api for api in APIS if api.event_message == stream_type.message_name)
    return next(fitting, MASTER)
