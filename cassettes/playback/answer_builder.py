"""Replies: the answer of a recorded exchange, built for a client.

A client that wants the recorded encoding gets the recorded bytes. For another, they are transcoded
(transcoding.py). Answers that are small are kept ready.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api import endpoints, negotiation
from ...proto.api.negotiation import Encoding, ResponseType
from ...proto.messages.fields import field_at
from ..answers import answer as answers
from ..answers.answer import ReplayResponse, StreamedResponse, header_pairs
from ..answers.byte_cache import ByteCache
from ..answers.pace import Pace
from ..answers.timeline import Timeline, TranscodeRecord
from ..answers.transcoding import Transcoder, relabel_headers
from ..causality.constraints import ReplayConstraints
from ..format.bodies import encode_body
from ..format.documents import Event, Exchange, Headers, Response
from ..format.exchange_ref import ExchangeRef
from ..matching.answer_queue import Selection
from ..matching.recorded_request import RecordedRequests, response_message_name
from ..matching.request_key import AcceptedType
from ..rebinding.id_bindings import IdBindings
from ..rebinding.id_rewriting import IdRewriter
from ..storage.reader import Cassette
from .journal import Journal

_READY = 16 * 1024 * 1024
_READY_ANSWER = 256 * 1024
"""Bytes of answers that are kept ready, and of the largest one."""

type _ReadyKey = tuple[Selection, bool, bool]
"""An exchange as it is answered, without its body or with it, and whether gzip is accepted."""

_OK = 200


class ResponseOptions(Struct, frozen=True):
    """What an answer depends on besides the exchange: HEAD gets no body, and gzip is asked for."""

    bodiless: bool = False
    accepts_gzip: bool = False


class _Told(Struct, frozen=True):
    """How an answer is told.

    `response` has the labels that it goes out with, `message` is that of its body or records if it
    takes one to tell them, and `to` is what they are transcoded to, if they are. `call` names what
    a stream answers, and `framework` is the one that the request was about, if it said so.
    """

    response: Response
    message: str | None = None
    to: Encoding | None = None
    call: str | None = None
    framework: str = ""


class AnswerBuilder:
    """Builds the answers of exchanges."""

    def __init__(
        self,
        cassettes: Sequence[Cassette],
        pace: Pace,
        journal: Journal,
        ties: ReplayConstraints,
        requests: RecordedRequests,
        bindings: IdBindings | None = None,
    ) -> None:
        self._cassettes = cassettes
        began = [cassette.header.recorded_at.timestamp() for cassette in cassettes]
        self._offsets = [at_seconds - min(began) for at_seconds in began]
        self._pace = pace
        self._ties = ties
        self._requests = requests
        self._bindings = bindings
        self._begun = set[ExchangeRef]()
        self._ready = ByteCache[_ReadyKey, ReplayResponse](_READY, _READY_ANSWER)
        self._transcoder = Transcoder(journal.record_lost_fields)

    def build_answer(
        self, turn: Selection, client: ResponseOptions, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        """Answer with an exchange, at a time on the replay's clock.

        Raises ValueError, LookupError or OSError if the cassette does not give what it should.
        """
        ready = self._ready.get((turn, client.bodiless, client.accepts_gzip))
        return self._built(turn, client, now_seconds) if ready is None else ready

    def _built(
        self, turn: Selection, client: ResponseOptions, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        place = turn.exchange_ref
        cassette = self._cassettes[place.cassette]
        exchange = cassette.exchange(place.exchange)
        told = self._told(turn, exchange)
        response, renaming = told.response, self._renaming(told, place)
        if response.stream is not None and response.status is not None and not client.bodiless:
            timeline = Timeline(cassette, exchange, told.message, self._retelling(turn, told))
            encoding = _encoding(response)
            cues, live = self._ties.begin_stream(place, cassette, exchange, encoding, now_seconds)
            offset_seconds = self._offsets[place.cassette]
            steps = timeline.play(self._pace, now_seconds, cues, offset_seconds=offset_seconds)
            steps = steps if renaming is None else renaming.rewrite_steps(steps)
            answer = answers.build_stream(place.exchange, response, steps, live)
            return replace(answer, call_name=told.call, at_seconds=offset_seconds + exchange.at)
        body = self._body(turn, told)
        answer = answers.build_unary(
            place.exchange,
            response,
            body if renaming is None else renaming.rewrite_body(body),
            bodiless=client.bodiless,
            accepts_gzip=client.accepts_gzip,
            compress_large=turn.target_type is not None or _may_compress(cassette, exchange),
        )
        gates = self._ties.answer_latches(place)
        if gates is not None:
            return replace(answer, latches=gates)
        if renaming is not None:
            return answer
        size_bytes = len(answer.head) + len(answer.body)
        self._ready.put((turn, client.bodiless, client.accepts_gzip), answer, size_bytes)
        return answer

    def _told(self, turn: Selection, exchange: Exchange) -> _Told:
        """Look up how to tell an answer; one in which ids may be replaced is read in any case."""
        response, target = exchange.response, turn.target_type
        is_plain = response.stream is None and response.proto is None
        if self._bindings is None and target is None and is_plain:
            return _Told(response)
        what = self._requests.parsed(turn.exchange_ref, exchange)
        message = response_message_name(exchange, what.call_type)
        call = what.call_type and what.call_type.name
        framework = str(field_at(what.calls[0], "framework_id.value") or "") if what.calls else ""
        source = _label(response.headers, what.accepted_type)
        if target is None or source is None or message is None or response.status != _OK:
            return _Told(response, message, call=call, framework=framework)
        labelled_response = replace(response, headers=relabel_headers(response.headers, target))
        other = source.encoding != target.encoding
        return _Told(
            labelled_response, message, target.encoding if other else None, call, framework
        )

    def _renaming(self, told: _Told, place: ExchangeRef) -> IdRewriter | None:
        """Give what puts other ids into the answer of an exchange, if that is asked for."""
        if self._bindings is None or told.message is None:
            return None
        again, encoding = place in self._begun, told.to or _encoding(told.response)
        self._begun.add(place)
        return IdRewriter(
            self._bindings, told.message, encoding, told.framework, played_before=again
        )

    def _body(self, turn: Selection, told: _Told) -> bytes:
        body = encode_body(told.response, told.message)
        if told.to is None or told.message is None or not body:
            return body
        return self._transcoder.transcode_body(turn.exchange_ref, 0, body, told.message, told.to)

    def _retelling(self, turn: Selection, told: _Told) -> TranscodeRecord | None:
        """Give what transcodes the records of a stream, if they are to be."""
        message, to = told.message, told.to
        if message is None or to is None:
            return None

        def retell(event: Event, data: bytes) -> bytes:
            return self._transcoder.transcode_body(
                turn.exchange_ref, event.event, data, message, to
            )

        return retell


def _label(headers: Headers, asked: AcceptedType) -> AcceptedType:
    """Say what an answer is labelled; one without labels is what was asked for."""
    last = {name.lower(): value for name, value in header_pairs(headers)}
    content_type, inner = last.get("content-type"), last.get("message-content-type")
    if content_type is None:
        return asked
    if (inner or content_type) not in (negotiation.JSON, negotiation.PROTOBUF):
        return None
    return ResponseType(content_type, inner)


def _encoding(response: Response) -> Encoding:
    label = _label(response.headers, None)
    return "json" if label is None else label.encoding


def _may_compress(cassette: Cassette, exchange: Exchange) -> bool:
    """Whether Mesos would have compressed the answer, had it been asked to."""
    request = exchange.request
    accepted = {name.lower(): value for name, value in header_pairs(request.headers)}.get(
        "accept-encoding"
    )
    api = endpoints.find_api(request.path, cassette.header.server)
    return api is not None and not negotiation.accepts_gzip(accepted)
