r"""Raw bytes as traffic: the records of one stream, or HTTP as `curl --raw` and tcpflow write it.

    20\n{"type":"HEARTBEAT"}                    records: the answer to a SUBSCRIBE that is made up
    HTTP/1.1 200 OK\r\n…\r\n17\r\n20\n{"type…   HTTP, of one direction or of both after each other

There are no times in such files. A response without its request gets a made-up one. Bytes are read
once, block by block.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

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


class RawHints(Struct, frozen=True, kw_only=True):
    """What raw bytes do not tell: the API, and the call that a stream answers, as JSON."""

    api: Api | None = None
    request: bytes = b'{"type":"SUBSCRIBE"}'


def read_raw_stream(blocks: Iterable[bytes], hints: RawHints, losses: Losses) -> Traffic:
    """Read the records of one stream. Raises ForeignFileError if it does not begin with one."""
    return Traffic(tool="a raw stream", items=_observe_stream(iter(blocks), hints, losses))


def _observe_stream(
    blocks: Iterator[bytes], hints: RawHints, losses: Losses
) -> Iterator[AnyObservation]:
    decoder = recordio.Decoder()
    first: list[recordio.RecordIOPiece] = []
    for block in blocks:
        first += decoder.feed(block)
        if first:
            break
    else:
        first += decoder.close()
    payloads = [piece.payload for piece in first if isinstance(piece, recordio.Record)]
    if not payloads or not isinstance(first[0], recordio.Record):
        found = first[0].data[:20] if first else b""
        raise ForeignFileError(f"not a stream of records: found {found!r} at the start")
    yield from made_up_request(1, payloads, hints, losses)
    media_type = JSON if is_json_object(payloads[0]) else PROTOBUF
    headers = [("Content-Type", media_type), ("Transfer-Encoding", "chunked")]
    yield ResponseHead(1, 0.0, 200, "OK", headers)
    losses.add(RECORD_TIMES, 1)
    while True:
        yield from (BodyData(1, 0.0, "server", piece.data) for piece in first)
        block = next(blocks, None)
        if block is None:
            break
        first = decoder.feed(block)
    yield from (BodyData(1, 0.0, "server", piece.data) for piece in decoder.close())
    losses.add("how the stream ended is not in the file: taken for stopped", 1)
    yield ExchangeEnd(1, 0.0, "stopped")


def made_up_request(
    number: int, payloads: list[bytes], hints: RawHints, losses: Losses
) -> Iterator[AnyObservation]:
    """Iterate over a request that a stream may have answered, by its first records."""
    api = hints.api or _guess_api(payloads)
    accepts = JSON if not payloads or is_json_object(payloads[0]) else PROTOBUF
    text = f"the request is not in the file: made up as POST /{api.route} {hints.request.decode()}"
    losses.add(text, number)
    yield from request_of(number, f"/{api.route}", hints.request, accepts)


def request_of(number: int, path: str, body: bytes, accepts: str) -> Iterator[AnyObservation]:
    """Iterate over the observations of a POST with a body in JSON."""
    headers: HeaderFields = [
        ("Content-Type", JSON),
        ("Accept", accepts),
        ("Content-Length", str(len(body))),
    ]
    yield RequestHead(number, 0.0, 1, None, "POST", path, "HTTP/1.1", headers)
    yield BodyData(number, 0.0, "client", body)
    yield RequestEnd(number, 0.0)


def _guess_api(payloads: list[bytes]) -> Api:
    """Return the API whose events the records are: that of a master, if they do not tell."""
    stream_type = StreamType(None, None)
    for payload in payloads[:_MOST_EXAMINED_RECORDS]:
        stream_type.learn_from_record(payload, stream_type.examine(payload))
        if stream_type.message_name is not None:
            break
    fitting = (api for api in APIS if api.event_message == stream_type.message_name)
    return next(fitting, MASTER)
