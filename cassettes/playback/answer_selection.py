"""From a request to the recorded exchange that answers it, step by step, without faults."""

from collections.abc import Callable, Iterable, Set
from contextlib import AbstractContextManager

from ...proto.api import endpoints
from ...proto.api.refusals import MesosRefusal
from ...proto.http.request import HttpRequest
from ..answers.answer import ReplayResponse, StreamedResponse
from ..causality.subscriptions import Subscriptions, stream_mismatch_of
from ..format.exchange_ref import ExchangeRef
from ..matching.ignore_rules import IgnoreRules
from ..matching.misses import ReplayOutcome
from ..matching.queue_view import QueueView, Selection
from ..matching.request_key import MatchableRequest
from ..matching.servers import ANY_SERVER, RecordedServers, ServerScope
from ..rebinding.id_bindings import IdBindings
from .answer_builder import ResponseOptions
from .exchange_index import ExchangeIndex, ExchangeMatch
from .second_plays import SecondPlays
from .streamed_requests import StreamedRequest
from .unanswered import UnansweredRequests

_NOTHING_RECORDED = "nothing recorded for this call"


class AnswerSelection:
    """Selects the next answer of a request, refuses it as Mesos does, or reports a miss.

    It is made when all exchanges have been added to its parts. `hang_ups` has those whose recorded
    client left before the answer. `serve` builds the answer from a selected exchange. `lock` is
    held while an exchange is selected, if other processes select, too (shared_playback.py).
    """

    def __init__(
        self,
        index: ExchangeIndex,
        servers: RecordedServers,
        subscriptions: Subscriptions,
        ignoring: IgnoreRules,
        second_plays: SecondPlays,
        unanswered: UnansweredRequests,
        bindings: IdBindings | None,
        hang_ups: Set[ExchangeRef],
        *,
        begin_streamed_request: Callable[
            [HttpRequest, frozenset[int] | None], StreamedRequest | None
        ],
        serve: Callable[[Selection, ResponseOptions, float], ReplayResponse | StreamedResponse],
    ) -> None:
        self._index = index
        self._servers = servers
        self._subscriptions = subscriptions
        self._ignoring = ignoring
        self._second_plays = second_plays
        self._unanswered = unanswered
        self._bindings = bindings
        self._hang_ups = hang_ups
        self._begin_streamed_request = begin_streamed_request
        self._serve = serve
        self.lock: AbstractContextManager[object] | None = None
        self._are_alike = servers.are_alike
        self._is_shared = index.is_shared

    def answer(
        self,
        request: HttpRequest,
        now_seconds: float,
        client: int,
        at: frozenset[int] | None,
        matchable: MatchableRequest | None = None,
    ) -> ReplayOutcome:
        """Answer a request, with the arguments of `Playback.answer`.

        `matchable` is the request as it was parsed for the faults, if it was.
        """
        # The order of the checks:
        #
        # 1. An equal request may have been matched before; then this one is not parsed. A cached
        #    match still goes through 4 and 5, which depend on what was played until now.
        # 2. Input to a container and messages between Mesos processes are not matched by a key.
        # 3. A request without a match is refused if Mesos would refuse it as it stands, and is a
        #    miss otherwise. For a call with a wrong stream id the index returns the refusal.
        # 4. A matched call of a scheduler or resource provider must belong to an open stream. If
        #    it does not, a recorded refusal for that reason is preferred to one that is made here.
        #    The last call of a client that hangs up may arrive after the end of its stream.
        # 5. The queue has an answer left. If not, a client that has subscribed again may repeat its
        #    calls. Else a recorded refusal for the stream id is served: the recorded stream had
        #    ended by then, and the one of this replay has not.
        #
        # After that, the exchange is served: its request has been made, so what waits for it is
        # released, whatever a fault does to the answer.
        scope = (
            ANY_SERVER if at is None and self._are_alike else self._servers.scope_of(request, at)
        )
        match = self._index.cached_matches.get(request, scope)
        if match is None:
            if (streamed_request := self._begin_streamed_request(request, at)) is not None:
                return streamed_request.feed_all(request.body, now_seconds)
            matchable = matchable or self._matchable(request)
            if endpoints.is_actor_message(request.text_headers):
                return self._unanswered.report_miss(matchable, "actor message", scope)
            match = self._index.find_match(matchable, scope)
            if match is None:
                return self._unanswered.refuse_or_miss(matchable, _NOTHING_RECORDED, scope)
            if isinstance(match, MesosRefusal):
                reason = stream_mismatch_of(match.body) or _NOTHING_RECORDED
                return self._unanswered.refuse_request(matchable, match, reason, scope)
        if (
            match.subscriber is not None
            and (refusal := self._subscriptions.refusal_for(match.subscriber)) is not None
            and not self._is_hang_up(match, client)
        ):
            matchable = matchable or self._matchable(request)
            return self._refuse_mismatch(matchable, match, refusal, now_seconds, scope)
        if self.lock is None:
            selection = self._select(match, client)
        else:
            with self.lock:
                selection = self._select(match, client)
        if selection is None:
            matchable = matchable or self._matchable(request)
            return self._unanswered.refuse_or_miss(matchable, "already played", scope)
        if self._bindings is not None:
            self._bindings.bind(match.id_pairs)
        return self._serve(selection, match.response_options, now_seconds)

    def _select(self, match: ExchangeMatch, client: int) -> Selection | None:
        view = match.queue_view
        selection = None if view is None else view.select_next(client, match.client_hints)
        if selection is None:
            selection = self._second_plays.select(match) or _first(match.mismatch_views.values())
        if selection is not None and self._is_shared:
            self._index.connections.record_played(client, selection.connection_step)
        return selection

    def _is_hang_up(self, match: ExchangeMatch, client: int) -> bool:
        """Return whether a client hung up while this call was under way, as in the recording."""
        if match.subscriber is None or match.queue_view is None or not self._hang_ups:
            return False
        if not self._subscriptions.has_left(match.subscriber):
            return False
        selection = match.queue_view.peek_new(client, match.client_hints)
        return selection is not None and selection.exchange_ref in self._hang_ups

    def _refuse_mismatch(
        self,
        request: MatchableRequest,
        match: ExchangeMatch,
        refusal: MesosRefusal,
        now_seconds: float,
        scope: ServerScope,
    ) -> ReplayResponse | StreamedResponse:
        """Refuse a call that does not belong to an open stream, with a recorded refusal if any."""
        mismatch = stream_mismatch_of(refusal.body)
        selection = _first(
            [match.mismatch_views[mismatch]] if mismatch in match.mismatch_views else []
        )
        if selection is None:
            reason = mismatch or "differs"
            return self._unanswered.refuse_request(request, refusal, reason, scope)
        return self._serve(selection, match.response_options, now_seconds)

    def _matchable(self, request: HttpRequest) -> MatchableRequest:
        return MatchableRequest(request, self._ignoring)


def _first(views: Iterable[QueueView]) -> Selection | None:
    """Return the next answer of the first queue that has one."""
    return next(
        (selection for view in views if (selection := view.select_next()) is not None), None
    )
