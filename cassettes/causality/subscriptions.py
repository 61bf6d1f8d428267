"""Subscriptions: whether a call belongs to the open stream of the client that makes it.

A scheduler and a resource provider get the id of their stream with its head, and send it with every
other call:

    SUBSCRIBE                              ->  200, Mesos-Stream-Id: 8833f851-…, and the stream
    REVIVE, Mesos-Stream-Id: 8833f851-…    ->  202
    REVIVE                                 ->  400, All non-subscribe calls should include …

A client that subscribes again gets another id, and its old stream ends. At replay the ids are those
of the recording, and a call is checked against the streams of this replay. A stream that was played
to its end still counts as open, for a replay may be faster than its client. Texts, and the order of
the checks, are those of src/master/http.cpp and src/resource_provider/manager.cpp.
"""

import re
from collections import defaultdict
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from ...proto import recordio
from ...proto.api.negotiation import Encoding
from ...proto.api.refusals import MesosRefusal
from ...proto.http.headers import header_values
from ...proto.http.request import HttpRequest
from ...proto.messages import mapping
from ...proto.messages.fields import field_at
from ..answers.answer import Ending, StreamStep
from ..answers.pace import Timed
from ..answers.records import record_message
from ..answers.stream_handle import StreamHandle
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.request_key import CallKey, ParsedRequest, RequestKey
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_event, encode_response
from .subscribing_apis import SUBSCRIBING_APIS, SUBSCRIBING_SCHEDULER, SubscribingApi

_HEADER = "mesos-stream-id"

_FAILED_OVER = b'{"type":"ERROR","error":{"message":"Framework failed over"}}'

type StreamMismatch = Literal["no stream id", "another stream id", "not subscribed"]
"""Why a call does not belong to an open stream."""

_MISMATCH_TEXTS: dict[StreamMismatch, re.Pattern[bytes]] = {
    "no stream id": re.compile(rb"All non-subscribe calls should include t(he|o) 'Mesos-Stream"),
    "another stream id": re.compile(rb"The stream ID '[^']*' included in this request didn't mat"),
    "not subscribed": re.compile(rb"Framework cannot be found$|[A-Z][a-z ]+ is not subscribed$"),
}

STREAM_MISMATCHES: tuple[StreamMismatch, ...] = tuple(_MISMATCH_TEXTS)


type _SubscriberKey = tuple[str, str]


class Subscriber(Struct, frozen=True):
    """The client that makes a call, as the request names it.

    `api` is the name of the API. `subscriber_id` is empty if the client has no id yet.
    """

    api: str
    subscriber_id: str
    stream_id: str | None
    is_subscribing: bool

    @property
    def key(self) -> _SubscriberKey:
        """The API and the id."""
        return self.api, self.subscriber_id


def identify_subscriber(request: HttpRequest, parsed: ParsedRequest) -> Subscriber | None:
    """Return the client that makes a call; None if the API has no subscriptions."""
    if (
        not isinstance(parsed.key, CallKey)
        or parsed.key.api not in SUBSCRIBING_APIS
        or not parsed.calls
    ):
        return None
    api, call = SUBSCRIBING_APIS[parsed.key.api], parsed.calls[0]
    subscriber_id = field_at(call, api.id_in_call) or field_at(call, api.id_in_subscribe)
    return Subscriber(
        parsed.key.api,
        str(subscriber_id or ""),
        request.header(_HEADER),
        parsed.key.call_name == "SUBSCRIBE",
    )


class _OpenSubscription(Struct):
    """The latest stream of a subscriber. `encoding` is that of its records in this replay."""

    exchange_ref: ExchangeRef
    stream_id: str | None
    handle: StreamHandle[StreamStep]
    encoding: Encoding
    has_client_left: bool = False


class Subscriptions:
    """Streams of schedulers and resource providers, in the recording and in this replay."""

    def __init__(self) -> None:
        self._recorded_subscribers = set[_SubscriberKey]()
        self._recorded_stream_ids = set[str]()
        self._used_stream_ids = defaultdict[_SubscriberKey, set[str]](set)
        self._open: dict[_SubscriberKey, _OpenSubscription] = {}

    def add_exchange(
        self, cassette: Cassette, exchange: Exchange, subscriber: Subscriber
    ) -> str | None:
        """Add a recorded call, and return the id of its subscriber, empty if it has none.

        None for a SUBSCRIBE that was refused.
        """
        status = exchange.response.status
        if subscriber.is_subscribing:
            subscriber_id = _subscriber_id_of(cassette, exchange, SUBSCRIBING_APIS[subscriber.api])
            if subscriber_id is not None:
                self._recorded_subscribers.add((subscriber.api, subscriber_id))
                self._recorded_stream_ids.update(header_values(exchange.response.headers, _HEADER))
            return subscriber_id
        if status is not None and status < 300 and subscriber.stream_id is not None:
            self._used_stream_ids[subscriber.key].add(subscriber.stream_id)
        return subscriber.subscriber_id

    def refusal_for(self, subscriber: Subscriber) -> MesosRefusal | None:
        """Return the refusal of a call that does not belong to an open stream; None if it does."""
        # `valid` are the stream ids with which the call is accepted. There are three states:
        #
        # 1. The client has not subscribed in this replay. If the recording began after it had
        #    subscribed, its calls carry an id that no recorded stream gave out; that stream counts
        #    as open, and its ids are valid. Any other id of a client whose subscription was
        #    recorded is that of a framework which Mesos does not know yet. A client of which
        #    nothing is known (`valid` is empty) is not refused.
        # 2. It has subscribed and closed its stream.
        # 3. It has an open stream, whose id alone is valid. That id is None if the recorded
        #    response had none, because the header was removed or the cassette written by hand.
        #    Then no id can be asked for, and every call is accepted.
        if subscriber.is_subscribing:
            return None
        api, stream_id = SUBSCRIBING_APIS[subscriber.api], subscriber.stream_id
        stream = self._open.get(subscriber.key)
        valid: set[str | None]
        if stream is None:
            valid = {*self._earlier_stream_ids(subscriber)}
            if subscriber.key in self._recorded_subscribers and stream_id not in valid:
                return api.not_found
        elif stream.has_client_left:
            return api.not_subscribed
        else:
            valid = {stream.stream_id}
        if not valid or None in valid or stream_id in valid:
            return None
        if stream_id is None:
            return api.no_stream_id
        text = (
            f"The stream ID '{stream_id}' included in this request didn't match the stream ID "
            f"currently associated with {api.subscriber_noun}{subscriber.subscriber_id}"
        )
        return MesosRefusal(400, text.encode("latin-1"))

    def expected_stream_id(self, subscriber: Subscriber) -> str | None:
        """Return the stream id of a client that subscribed before the recording began.

        None if it has subscribed in this replay, or if there is not exactly one such id.
        """
        if subscriber.is_subscribing or subscriber.key in self._open:
            return None
        earlier = self._earlier_stream_ids(subscriber)
        return next(iter(earlier)) if len(earlier) == 1 else None

    def has_subscribed(self, subscriber: Subscriber) -> bool:
        """Return whether the client has subscribed in this replay."""
        return subscriber.key in self._open

    def has_left(self, subscriber: Subscriber) -> bool:
        """Return whether a call is of the stream that the client closed last."""
        stream = self._open.get(subscriber.key)
        if stream is None or not stream.has_client_left:
            return False
        return stream.stream_id is None or stream.stream_id == subscriber.stream_id

    def exchange_of(self, subscriber: Subscriber) -> ExchangeRef | None:
        """Return the exchange of the latest stream of the client; None if it has had none."""
        stream = self._open.get(subscriber.key)
        return None if stream is None else stream.exchange_ref

    def begin_stream(
        self,
        ref: ExchangeRef,
        cassette: Cassette,
        exchange: Exchange,
        subscriber: Subscriber,
        encoding: Encoding,
        now_seconds: float,
    ) -> StreamHandle[StreamStep]:
        """Open the stream that answers a SUBSCRIBE, and end the one before it of the same client.

        The records of the stream are sent in `encoding`.
        """
        api = SUBSCRIBING_APIS[subscriber.api]
        subscriber_id = _subscriber_id_of(cassette, exchange, api)
        if subscriber_id is None:
            return StreamHandle()
        key = (subscriber.api, subscriber_id)
        previous = self._open.get(key)
        stream_id = next(iter(header_values(exchange.response.headers, _HEADER)), None)

        def close(client_left: bool) -> None:
            stream.has_client_left = client_left

        stream = self._open[key] = _OpenSubscription(ref, stream_id, StreamHandle(close), encoding)
        if previous is not None and not previous.handle.is_over:
            previous.handle.end_with(_failover_steps(api, previous.encoding, now_seconds))
        return stream.handle

    def _earlier_stream_ids(self, subscriber: Subscriber) -> set[str]:
        """Return ids that the client used, of streams that began before the recording."""
        return self._used_stream_ids.get(subscriber.key, set[str]()) - self._recorded_stream_ids


def stream_mismatch_of(text: bytes) -> StreamMismatch | None:
    """Return why a call did not belong to an open stream, from the body of its refusal."""
    return next((mismatch for mismatch, form in _MISMATCH_TEXTS.items() if form.match(text)), None)


def recorded_stream_mismatch(
    cassette: Cassette, exchange: Exchange, parsed: ParsedRequest
) -> StreamMismatch | None:
    """Return why a recorded call did not belong to an open stream; None if that was not so."""
    if not isinstance(parsed.key, CallKey) or parsed.key.api not in SUBSCRIBING_APIS:
        return None
    if exchange.response.status not in (400, 403):
        return None
    return stream_mismatch_of(encode_response(cassette, cassette.exchange(exchange.exchange)))


def stream_mismatch_key(key: RequestKey, mismatch: StreamMismatch) -> RequestKey:
    """Return the key of the same call when it does not belong to an open stream."""
    return replace(key, refusal=mismatch) if isinstance(key, CallKey) else key


def _failover_steps(
    api: SubscribingApi, encoding: Encoding, now_seconds: float
) -> list[Timed[StreamStep]]:
    """Return the end of a stream whose client subscribes again (src/master/master.cpp)."""
    steps: list[Timed[StreamStep]] = [(now_seconds, Ending.FINAL_CHUNK)]
    if api is SUBSCRIBING_SCHEDULER:
        record = _FAILED_OVER
        if encoding != "json":
            record = mapping.decode(record, api.api.event_message).SerializeToString()
        steps.insert(0, (now_seconds, recordio.encode(record)))
    return steps


def _subscriber_id_of(cassette: Cassette, exchange: Exchange, api: SubscribingApi) -> str | None:
    """Return the id in the first record of a stream; None if the SUBSCRIBE was refused."""
    if exchange.response.status != 200 or exchange.response.stream != "recordio":
        return None
    event = next(cassette.events(exchange.exchange), None)
    if event is None or event.offset is not None:
        return None
    message = api.api.event_message
    subscribed = record_message(encode_event(cassette, event, message), message)
    subscriber_id = None if subscribed is None else field_at(subscribed, api.id_in_event)
    return subscriber_id if isinstance(subscriber_id, str) else None
