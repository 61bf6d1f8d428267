"""Subscriptions: whose stream is open, and whether a call belongs to it.

A scheduler and a resource provider get the id of their stream with its head, and say it with every
other call:

    SUBSCRIBE                              ->  200, Mesos-Stream-Id: 8833f851-…, and the stream
    REVIVE, Mesos-Stream-Id: 8833f851-…    ->  202
    REVIVE                                 ->  400, All non-subscribe calls should include …

Who subscribes again gets another id, and the old stream ends. At replay the ids are those of the
recording, and what counts is which stream was asked for in this replay. A stream that was played to
its end still counts, for a replay may be faster than its client. Texts and order of the checks are
those of src/master/http.cpp and src/resource_provider/manager.cpp.
"""

import re
from collections import defaultdict
from typing import Literal

from google.protobuf.message import DecodeError, Message
from msgspec import Struct
from msgspec.structs import replace

from ...proto import recordio
from ...proto.api.apis import RESOURCE_PROVIDER, SCHEDULER, Api
from ...proto.api.negotiation import Encoding
from ...proto.api.refusals import MesosRefusal
from ...proto.http.request import HttpRequest
from ...proto.messages import descriptors, mapping
from ...proto.messages.fields import field_at
from ..answers.answer import Ending, StreamStep, header_pairs
from ..answers.pace import Timed
from ..answers.stream_handle import StreamHandle
from ..format.bodies import encode_body
from ..format.documents import Exchange, Headers
from ..matching.request_key import CallKey, ParsedRequest, RequestKey
from ..storage.reader import Cassette

HEADER = "mesos-stream-id"

_FAILED_OVER = b'{"type":"ERROR","error":{"message":"Framework failed over"}}'
type StreamMismatch = Literal["no stream id", "another stream id", "not subscribed"]
"""How a call does not belong to an open stream."""

_ASTRAY: dict[StreamMismatch, re.Pattern[bytes]] = {
    "no stream id": re.compile(rb"All non-subscribe calls should include t(he|o) 'Mesos-Stream"),
    "another stream id": re.compile(rb"The stream ID '[^']*' included in this request didn't mat"),
    "not subscribed": re.compile(rb"Framework cannot be found$|[A-Z][a-z ]+ is not subscribed$"),
}

STREAM_MISMATCHES: tuple[StreamMismatch, ...] = tuple(_ASTRAY)


class _SubscribingApi(Struct, frozen=True):
    """How an API names who subscribes, and how it refuses the calls of others."""

    api: Api
    called: str
    told: str
    unknown: MesosRefusal
    gone: MesosRefusal
    missing: MesosRefusal
    other: str


_SCHEDULER = _SubscribingApi(
    SCHEDULER,
    called="framework_id.value",
    told="subscribed.framework_id.value",
    unknown=MesosRefusal(400, b"Framework cannot be found"),
    gone=MesosRefusal(403, b"Framework is not subscribed"),
    missing=MesosRefusal(
        400, b"All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    ),
    other="framework ID ",
)
_RESOURCE_PROVIDER = _SubscribingApi(
    RESOURCE_PROVIDER,
    called="resource_provider_id.value",
    told="subscribed.provider_id.value",
    unknown=MesosRefusal(400, b"Resource provider is not subscribed"),
    gone=MesosRefusal(400, b"Resource provider is not subscribed"),
    missing=MesosRefusal(
        400, b"All non-subscribe calls should include to 'Mesos-Stream-Id' header"
    ),
    other=" resource provider ID ",
)
_KINDS = {kind.api.name: kind for kind in (_SCHEDULER, _RESOURCE_PROVIDER)}


class Subscriber(Struct, frozen=True):
    """Who calls, as the request says it. `owner` is empty for one that is not known yet."""

    api: str
    subscriber_id: str
    stream_id: str | None
    is_subscribing: bool


def identify_subscriber(request: HttpRequest, what: ParsedRequest) -> Subscriber | None:
    """Tell who makes a call, or None if it is none that goes with a stream."""
    if not isinstance(what.key, CallKey) or what.key.api not in _KINDS or not what.calls:
        return None
    kind, said = _KINDS[what.key.api], request.header(HEADER)
    owner = field_at(what.calls[0], kind.called)
    return Subscriber(kind.api.name, str(owner or ""), said, what.key.call_name == "SUBSCRIBE")


class _OpenSubscription(Struct):
    """The latest stream of one who subscribed. `encoding` is that of the records as they go out."""

    stream_id: str | None
    live: StreamHandle[StreamStep]
    encoding: Encoding
    left: bool = False


class Subscriptions:
    """Streams of schedulers and resource providers, in the recording and in this replay."""

    def __init__(self) -> None:
        self._recorded = set[tuple[str, str]]()
        self._given = set[str]()
        self._used = defaultdict[tuple[str, str], set[str]](set)
        self._open: dict[tuple[str, str], _OpenSubscription] = {}

    def add_exchange(self, cassette: Cassette, exchange: Exchange, who: Subscriber) -> str:
        """Note what the recording knows: who subscribed, and which ids came from before it.

        Gives the id of the caller, or nothing if it has none.
        """
        status = exchange.response.status
        if who.is_subscribing:
            owner = _owner(cassette, exchange, _KINDS[who.api])
            if owner is not None:
                self._recorded.add((who.api, owner))
                self._given.update(_stream_ids(exchange.response.headers))
                return owner
        elif status is not None and status < 300 and who.stream_id is not None:
            self._used[who.api, who.subscriber_id].add(who.stream_id)
        return who.subscriber_id

    def refusal_for(self, who: Subscriber) -> MesosRefusal | None:
        """Refuse a call that does not belong to an open stream, as Mesos does."""
        if who.is_subscribing:
            return None
        kind, owner = _KINDS[who.api], (who.api, who.subscriber_id)
        stream = self._open.get(owner)
        if stream is None:
            # A stream that was there before the recording began is open, as far as is known.
            valid = self._used[owner] - self._given if owner in self._used else set[str | None]()
            if owner in self._recorded and who.stream_id not in valid:
                return kind.unknown
        elif stream.left:
            return kind.gone
        else:
            valid = {stream.stream_id}
        if not valid or None in valid or who.stream_id in valid:
            return None
        if who.stream_id is None:
            return kind.missing
        text = (
            f"The stream ID '{who.stream_id}' included in this request didn't match the stream ID "
            f"currently associated with {kind.other}{who.subscriber_id}"
        )
        return MesosRefusal(400, text.encode("latin-1"))

    def expected_stream_id(self, who: Subscriber) -> str | None:
        """The stream id of a caller who subscribed before the recording began, if it has one."""
        owner = (who.api, who.subscriber_id)
        if who.is_subscribing or owner in self._open or owner not in self._used:
            return None
        before = self._used[owner] - self._given
        return next(iter(before)) if len(before) == 1 else None

    def has_subscribed(self, who: Subscriber) -> bool:
        """Whether the caller has subscribed in this replay."""
        return (who.api, who.subscriber_id) in self._open

    def begin_stream(
        self,
        cassette: Cassette,
        exchange: Exchange,
        who: Subscriber,
        encoding: Encoding,
        now: float,
    ) -> StreamHandle[StreamStep]:
        """Open a stream that is answered now; the one before it of the same caller ends."""
        kind = _KINDS[who.api]
        owner = _owner(cassette, exchange, kind)
        if owner is None:
            return StreamHandle()
        before = self._open.get((who.api, owner))
        stream_id = next(iter(_stream_ids(exchange.response.headers)), None)

        def over(left: bool) -> None:
            stream.left = left

        stream = self._open[who.api, owner] = _OpenSubscription(
            stream_id, StreamHandle(over), encoding
        )
        if before is not None and not before.live.is_over:
            before.live.end_with(_farewell(kind, before.encoding, now))
        return stream.live


def stream_mismatch_of(text: bytes) -> StreamMismatch | None:
    """Tell from the body of a refusal how a call did not belong to an open stream."""
    return next((how for how, says in _ASTRAY.items() if says.match(text)), None)


def recorded_stream_mismatch(
    cassette: Cassette, exchange: Exchange, what: ParsedRequest
) -> StreamMismatch | None:
    """Tell how a recorded call did not belong to an open stream, if it was refused for that."""
    if not isinstance(what.key, CallKey) or what.key.api not in _KINDS:
        return None
    if exchange.response.status not in (400, 403):
        return None
    return stream_mismatch_of(encode_body(cassette.exchange(exchange.exchange).response))


def stream_mismatch_key(key: RequestKey, how: StreamMismatch) -> RequestKey:
    """Key of the same call when it does not belong to an open stream."""
    return replace(key, refusal=how) if isinstance(key, CallKey) else key


def _stream_ids(headers: Headers) -> list[str]:
    return [value for name, value in header_pairs(headers) if name.lower() == HEADER]


def _farewell(
    kind: _SubscribingApi, encoding: Encoding, now_seconds: float
) -> list[Timed[StreamStep]]:
    """What ends the stream of one who subscribes again (src/master/master.cpp)."""
    steps: list[Timed[StreamStep]] = [(now_seconds, Ending.FINAL_CHUNK)]
    if kind is _SCHEDULER:
        record = _FAILED_OVER
        if encoding != "json":
            record = mapping.decode(record, kind.api.event_message).SerializeToString()
        steps.insert(0, (now_seconds, recordio.encode(record)))
    return steps


def _owner(cassette: Cassette, exchange: Exchange, kind: _SubscribingApi) -> str | None:
    """Who subscribed, as the first record of the stream tells; None if that was refused."""
    if exchange.response.status != 200 or exchange.response.stream != "recordio":
        return None
    event = next(cassette.events(exchange.exchange), None)
    if event is None or event.offset is not None:
        return None
    first = _read(encode_body(event, kind.api.event_message), kind.api.event_message)
    owner = None if first is None else field_at(first, kind.told)
    return owner if isinstance(owner, str) else None


def _read(data: bytes, message: str) -> Message | None:
    try:
        if data.startswith(b"{"):
            return mapping.decode(data, message)
        return descriptors.message_class(message).FromString(data)
    except (ValueError, DecodeError):
        return None
