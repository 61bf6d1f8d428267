"""Building the answer of a recorded exchange for a client.

A client that accepts the recorded encoding gets the recorded bytes; for another encoding, they are
transcoded (transcoding.py). Small answers are cached.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api import endpoints, negotiation
from ...proto.api.negotiation import Encoding, ResponseType
from ...proto.http.headers import header_value, last_header_values
from ..answers import answer as answers
from ..answers.answer import ReplayResponse, StreamedResponse, StreamStep
from ..answers.byte_cache import ByteCache
from ..answers.pace import Instant, Pace, Timed
from ..answers.stream_records import Convert, RecordCaches, StreamRecords
from ..answers.timeline import Timeline
from ..answers.transcoding import Transcoder, relabel_headers
from ..causality.constraints import ReplayConstraints
from ..format.documents import Exchange, Headers, Response
from ..format.exchange_ref import ExchangeRef
from ..matching.queue_view import Selection
from ..matching.recorded_request import RecordedRequests, response_message_name
from ..matching.request_key import AcceptedType
from ..rebinding.id_bindings import IdBindings
from ..rebinding.id_rewriting import IdRewriter
from ..storage.reader import Cassette
from ..storage.recorded_bodies import encode_response, exchange_error
from .journal import Journal

_MAX_CACHED_BYTES = 32 * 1024 * 1024
_MAX_CACHED_ANSWER_BYTES = 256 * 1024
_ANSWER_BYTES = 512
"""Bytes of answers that are kept ready, and of the largest; what one takes besides its bytes."""

_MAX_STREAM_PLAN_BYTES = 4 * 1024 * 1024
"""Of what streams have in common each time they are played: 100 µs for each further client."""

type _CacheKey = tuple[Selection, bool, bool]
"""An exchange as it is answered, without its body or with it, and whether gzip is accepted."""

_OK = 200


class ResponseOptions(Struct, frozen=True):
    """The parameters of an answer besides the exchange; `bodiless` is set for HEAD."""

    bodiless: bool = False
    accepts_gzip: bool = False


class _ResponsePlan(Struct, frozen=True):
    """How an answer is built.

    `response` has the headers to be sent. `message` is the message type of its body or records, if
    they have to be decoded, and `to` the encoding that they are transcoded to, if they are. `call`
    is the type of the call that it answers, and `framework` the framework id in the call.
    """

    response: Response
    message: str | None = None
    to: Encoding | None = None
    call: str | None = None
    framework: str = ""


class _StreamPlan(Struct, frozen=True):
    """What does not differ between two plays of a stream. `answer` is without steps."""

    exchange: Exchange
    plan: _ResponsePlan
    answer: StreamedResponse
    records: StreamRecords
    encoding: Encoding

    @property
    def size_bytes(self) -> int:
        """The memory that it takes, roughly."""
        request = self.exchange.request
        texts = (request.json, request.text, request.proto, request.base64)
        return 4096 + sum(len(text) for text in texts if text is not None)


class AnswerBuilder:
    """Builds the answers of recorded exchanges. With `bindings`, ids in them are replaced.

    With faults, each record of a stream is a step of its own.
    """

    def __init__(
        self,
        cassettes: Sequence[Cassette],
        pace: Pace,
        journal: Journal,
        constraints: ReplayConstraints,
        requests: RecordedRequests,
        bindings: IdBindings | None = None,
        *,
        has_faults: bool = False,
    ) -> None:
        self._cassettes = cassettes
        began = [cassette.header.began.timestamp() for cassette in cassettes]
        self._offsets = [at_seconds - min(began) for at_seconds in began]
        self._pace = pace
        self._constraints = constraints
        self._requests = requests
        self._bindings = bindings
        self._played = set[ExchangeRef]()
        self._record_caches = RecordCaches()
        self._sends_blocks = pace == Instant() and bindings is None and not has_faults
        self._cached_answers = ByteCache[_CacheKey, ReplayResponse](
            _MAX_CACHED_BYTES, _MAX_CACHED_ANSWER_BYTES
        )
        self._streams = ByteCache[tuple[ExchangeRef, AcceptedType], _StreamPlan](
            _MAX_STREAM_PLAN_BYTES, _MAX_CACHED_ANSWER_BYTES
        )
        self._transcoder = Transcoder(journal.record_lost_fields)

    def build_answer(
        self, selection: Selection, response_options: ResponseOptions, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        """Build the answer of an exchange, at a time on the replay's clock.

        Raises ExchangeError, whatever the reason is that it cannot be played.
        """
        cached = self._cached_answers.get(
            (selection, response_options.bodiless, response_options.accepts_gzip)
        )
        if cached is not None:
            return cached
        ref = selection.exchange_ref
        try:
            return self._build(selection, response_options, now_seconds)
        except Exception as error:
            raise exchange_error(self._cassettes[ref.cassette], ref.exchange, error) from error

    def _build(
        self, selection: Selection, response_options: ResponseOptions, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        ref = selection.exchange_ref
        cassette = self._cassettes[ref.cassette]
        if not response_options.bodiless:
            stream = self._streams.get((ref, selection.target_type))
            if stream is not None:
                cassette.check_unchanged()
                rewriter = self._id_rewriter(stream.plan, ref)
                return self._begin_stream(stream, rewriter, ref, now_seconds)
        exchange, stored_body = cassette.exchange_in_file(ref.exchange)
        plan = self._plan_response(selection, exchange)
        response, rewriter = plan.response, self._id_rewriter(plan, ref)
        if (
            response.stream is not None
            and response.status is not None
            and not response_options.bodiless
        ):
            stream = self._plan_stream(exchange, plan, ref)
            self._streams.put((ref, selection.target_type), stream, stream.size_bytes)
            return self._begin_stream(stream, rewriter, ref, now_seconds)
        if stored_body is not None and (rewriter is not None or plan.to is not None):
            exchange, stored_body = cassette.exchange(ref.exchange), None
        body = stored_body or self._body(selection, exchange, plan)
        if rewriter is not None and isinstance(body, bytes):
            body = rewriter.rewrite_body(body)
        answer = answers.build_unary(
            ref.exchange,
            response,
            body,
            bodiless=response_options.bodiless,
            accepts_gzip=response_options.accepts_gzip,
            compress_large=selection.target_type is not None or _may_compress(cassette, exchange),
        )
        latches = self._constraints.answer_latches(ref)
        if answer.awaits_hang_up:
            latches = (*(latches or ()), self._constraints.hang_up_latch(ref))
        if latches is not None:
            return replace(answer, latches=latches)
        if rewriter is None and stored_body is None:
            key = selection, response_options.bodiless, response_options.accepts_gzip
            size_bytes = len(answer.head) + len(answer.content) + _ANSWER_BYTES
            self._cached_answers.put(key, answer, size_bytes)
        return answer

    def _plan_stream(
        self, exchange: Exchange, plan: _ResponsePlan, ref: ExchangeRef
    ) -> _StreamPlan:
        answer = answers.build_stream(ref.exchange, plan.response)
        cassette = self._cassettes[ref.cassette]
        answer = replace(
            answer,
            call_name=plan.call,
            at_seconds=self._offsets[ref.cassette] + exchange.at,
            place_error=partial(exchange_error, cassette, ref.exchange),
        )
        records = StreamRecords(
            cassette,
            ref.exchange,
            plan.message,
            self._record_converter(ref, plan),
            self._record_caches,
            (ref, plan.to),
        )
        return _StreamPlan(exchange, plan, answer, records, _encoding(plan.response))

    def _begin_stream(
        self,
        stream: _StreamPlan,
        rewriter: IdRewriter | None,
        ref: ExchangeRef,
        now_seconds: float,
    ) -> StreamedResponse:
        cassette, exchange = self._cassettes[ref.cassette], stream.exchange
        sync_points, handle = self._constraints.begin_stream(
            ref, cassette, exchange, stream.encoding, now_seconds
        )
        timeline = Timeline(cassette, exchange, stream.records)
        steps: Iterator[Timed[StreamStep]] = timeline.play(
            self._pace, now_seconds, sync_points, offset_seconds=self._offsets[ref.cassette]
        )
        if rewriter is not None:
            steps = rewriter.rewrite_steps(steps)
        blocks = None
        if self._sends_blocks and sync_points is None:
            blocks = timeline.play_in_blocks(now_seconds)
        return replace(stream.answer, steps=steps, blocks=blocks, handle=handle)

    def _plan_response(self, selection: Selection, exchange: Exchange) -> _ResponsePlan:
        """Look up how to tell an answer; one in which ids may be replaced is read in any case."""
        response, target = exchange.response, selection.target_type
        is_plain = response.stream is None and response.proto is None
        if self._bindings is None and target is None and is_plain:
            return _ResponsePlan(response)
        parsed = self._requests.parsed(selection.exchange_ref, exchange)
        message = response_message_name(exchange, parsed.call_type)
        call = parsed.call_type and parsed.call_type.name
        framework = parsed.framework_id
        source = _response_type(response.headers, parsed.accepted_type)
        if target is None or source is None or message is None or response.status != _OK:
            return _ResponsePlan(response, message, call=call, framework=framework)
        labelled_response = replace(response, headers=relabel_headers(response.headers, target))
        other = source.encoding != target.encoding
        return _ResponsePlan(
            labelled_response, message, target.encoding if other else None, call, framework
        )

    def _id_rewriter(self, plan: _ResponsePlan, ref: ExchangeRef) -> IdRewriter | None:
        """Return the rewriter of the ids in an answer; None if ids are not replaced."""
        if self._bindings is None or plan.message is None:
            return None
        played_before, encoding = ref in self._played, plan.to or _encoding(plan.response)
        self._played.add(ref)
        return IdRewriter(
            self._bindings, plan.message, encoding, plan.framework, played_before=played_before
        )

    def _body(self, selection: Selection, exchange: Exchange, plan: _ResponsePlan) -> bytes:
        cassette = self._cassettes[selection.exchange_ref.cassette]
        body = encode_response(cassette, exchange, plan.message)
        if plan.to is None or plan.message is None or not body:
            return body
        return self._transcoder.transcode_body(selection.exchange_ref, body, plan.message, plan.to)

    def _record_converter(self, ref: ExchangeRef, plan: _ResponsePlan) -> Convert | None:
        """Return the function that transcodes the records of a stream; None if they stay."""
        message, to = plan.message, plan.to
        if message is None or to is None:
            return None
        return lambda data: self._transcoder.transcode_record(ref, data, message, to)


def _response_type(headers: Headers, accepted_type: AcceptedType) -> AcceptedType:
    """Return the media types of an answer; `accepted_type` if it has no Content-Type."""
    last = last_header_values(headers)
    content_type, inner = last.get("content-type"), last.get("message-content-type")
    if content_type is None:
        return accepted_type
    if (inner or content_type) not in negotiation.ENCODINGS:
        return None
    return ResponseType(content_type, inner)


def _encoding(response: Response) -> Encoding:
    response_type = _response_type(response.headers, None)
    return "json" if response_type is None else response_type.encoding


def _may_compress(cassette: Cassette, exchange: Exchange) -> bool:
    """Return whether Mesos would have compressed the answer if the client had accepted gzip."""
    request = exchange.request
    accepted = header_value(request.headers, "accept-encoding")
    api = endpoints.find_api(request.path, cassette.header.server)
    return api is not None and not negotiation.accepts_gzip(accepted)
