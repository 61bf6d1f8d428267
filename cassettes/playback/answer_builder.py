"""Building the answer of a recorded exchange for a client.

A client that accepts the recorded encoding gets the recorded bytes; for another encoding, they are
transcoded (transcoding.py). Small answers are cached.
"""

from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api import endpoints, negotiation
from ...proto.api.negotiation import Encoding, ResponseType
from ...proto.messages.fields import field_at
from ..answers import answer as answers
from ..answers.answer import ReplayResponse, StreamedResponse, header_pairs
from ..answers.pace import Pace
from ..answers.timeline import Timeline, TranscodeRecord
from ..answers.transcoding import Transcoder, relabel_headers
from ..causality.constraints import ReplayConstraints
from ..format.bodies import encode_body
from ..format.documents import Event, Exchange, Headers, Response
from ..format.exchange_ref import ExchangeRef
from ..matching.answer_queue import Selection
from ..matching.recorded_request import recorded_request, response_message_name
from ..matching.request_key import AcceptedType, parse_request
from ..rebinding.id_bindings import IdBindings
from ..rebinding.id_rewriting import IdRewriter
from ..storage.reader import Cassette
from .journal import Journal

_READY = 16 * 1024 * 1024
_READY_BODY = 256 * 1024
"""Bytes of answers that are kept ready, and of the largest one."""

_OK = 200


class ResponseOptions(Struct, frozen=True):
    """What an answer depends on besides the exchange; `bodiless` is set for HEAD."""

    bodiless: bool = False
    accepts_gzip: bool = False


class _Told(Struct, frozen=True):
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


class AnswerBuilder:
    """Builds the answers of recorded exchanges. With `bindings`, ids in them are replaced."""

    def __init__(
        self,
        cassettes: Sequence[Cassette],
        pace: Pace,
        journal: Journal,
        ties: ReplayConstraints,
        bindings: IdBindings | None = None,
    ) -> None:
        self._cassettes = cassettes
        began = [cassette.header.recorded_at.timestamp() for cassette in cassettes]
        self._offsets = [at_seconds - min(began) for at_seconds in began]
        self._pace = pace
        self._ties = ties
        self._bindings = bindings
        self._begun = set[ExchangeRef]()
        self._ready = _Ready()
        self._transcoder = Transcoder(journal.record_lost_fields)

    def build_answer(
        self, turn: Selection, client: ResponseOptions, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        """Build the answer of an exchange, at a time on the replay's clock.

        Raises ValueError, LookupError or OSError if the cassette cannot be read or played.
        """
        ready = self._ready.get((turn, client.bodiless, client.accepts_gzip))
        return self._built(turn, client, now_seconds) if ready is None else ready

    def _built(
        self, turn: Selection, client: ResponseOptions, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        place = turn.exchange_ref
        cassette = self._cassettes[place.cassette]
        exchange = cassette.exchange(place.exchange)
        told = _told(cassette, exchange, turn.target_type, names=self._bindings is not None)
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
        self._ready.put((turn, client.bodiless, client.accepts_gzip), answer)
        return answer

    def _renaming(self, told: _Told, place: ExchangeRef) -> IdRewriter | None:
        """Return the rewriter of the ids in an answer; None if ids are not replaced."""
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
        """Return the function that transcodes the records of a stream; None if they stay."""
        message, to = told.message, told.to
        if message is None or to is None:
            return None

        def retell(event: Event, data: bytes) -> bytes:
            return self._transcoder.transcode_body(
                turn.exchange_ref, event.event, data, message, to
            )

        return retell


def _told(cassette: Cassette, exchange: Exchange, target: AcceptedType, *, names: bool) -> _Told:
    """Look up how to tell an answer; what has `names` in it is read, also to tell it as it is."""
    response = exchange.response
    if not names and target is None and response.stream is None and response.proto is None:
        return _Told(response)
    what = parse_request(recorded_request(cassette, exchange), cassette.header.server)
    message, call = (
        response_message_name(exchange, what.call_type),
        what.call_type and what.call_type.name,
    )
    framework = str(field_at(what.calls[0], "framework_id.value") or "") if what.calls else ""
    source = _label(response.headers, what.accepted_type)
    if target is None or source is None or message is None or response.status != _OK:
        return _Told(response, message, call=call, framework=framework)
    labelled_response = replace(response, headers=relabel_headers(response.headers, target))
    other = source.encoding != target.encoding
    return _Told(labelled_response, message, target.encoding if other else None, call, framework)


def _label(headers: Headers, asked: AcceptedType) -> AcceptedType:
    """Return the media types in the headers of an answer; `asked` if it has no Content-Type."""
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
    """Return whether Mesos would have compressed the answer if the client had accepted gzip."""
    request = exchange.request
    accepted = {name.lower(): value for name, value in header_pairs(request.headers)}.get(
        "accept-encoding"
    )
    api = endpoints.find_api(request.path, cassette.header.server)
    return api is not None and not negotiation.accepts_gzip(accepted)


class _Ready:
    """Answers that are ready to go out again, the least used dropped first."""

    def __init__(self) -> None:
        self._answers = OrderedDict[tuple[Selection, bool, bool], ReplayResponse]()
        self._bytes = 0

    def get(self, which: tuple[Selection, bool, bool]) -> ReplayResponse | None:
        """Give an answer if it is here."""
        answer = self._answers.get(which)
        if answer is not None:
            self._answers.move_to_end(which)
        return answer

    def put(self, which: tuple[Selection, bool, bool], answer: ReplayResponse) -> None:
        """Keep an answer, unless it is large."""
        if len(answer.body) > _READY_BODY:
            return
        self._answers[which] = answer
        self._bytes += len(answer.head) + len(answer.body)
        while self._bytes > _READY:
            _, dropped = self._answers.popitem(last=False)
            self._bytes -= len(dropped.head) + len(dropped.body)
