"""Playback: a cassette answers requests, without I/O except for reading the cassette.

    playback = Playback(cassette, Options(pace=Instant()))
    playback.answer(request, now_seconds)  ->  ReplayResponse | StreamedResponse | Miss

Equal requests get the recorded answers in the order of the recording. After the last one, a
read-only call gets the last answer again, and a mutating call is a miss, because what the server
would have answered is not known. Finding an answer takes the same time in any cassette; in memory
are a key for each distinct request and a few small answers.
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from ...proto.http.request import HttpRequest
from ..answers.answer import ReplayResponse, StreamedResponse
from ..answers.pace import pace_start_seconds
from ..causality.constraints import ReplayConstraints
from ..causality.identities import ClientIdentity, identify_recorded
from ..exchanges.recorded_exchanges import is_streamed_request, secret_comparison
from ..faults.fault_spec import FaultHit
from ..faults.injection import FaultInjection, fault_target_of, fault_target_of_input
from ..format.exchange_ref import ExchangeRef
from ..matching.advice import COMMAND, Audience
from ..matching.connections import RecordedConnection
from ..matching.ignore_rules import IgnoreRules
from ..matching.miss_reports import MissReporter
from ..matching.misses import Miss, MissReason, ReplayOutcome
from ..matching.near_misses import LateKeys
from ..matching.queue_view import Selection
from ..matching.recorded_request import RecordedRequests
from ..matching.repeat_rules import RepeatRules
from ..matching.request_key import MatchableRequest, request_accepts_gzip
from ..matching.servers import RecordedServers, ServerScope
from ..rebinding.id_matching import IdMatcher
from ..storage.reader import Cassette
from .answer_builder import AnswerBuilder, ResponseOptions
from .answer_selection import AnswerSelection
from .exchange_index import ExchangeIndex
from .exchange_loading import ExchangeLoader
from .journal import Journal
from .options import Options as Options
from .second_plays import SecondPlays
from .streamed_requests import RecordedInputs, StreamedRequest
from .unanswered import UnansweredRequests, recorded_date

if TYPE_CHECKING:
    from .shared_playback import SharedPlayback, SharedState


class Playback:
    """Answers requests from one cassette, or from several as if they were one."""

    def __init__(
        self,
        cassettes: Cassette | Sequence[Cassette],
        options: Options | None = None,
        *,
        audience: Audience = COMMAND,
    ) -> None:
        self.cassettes = [cassettes] if isinstance(cassettes, Cassette) else list(cassettes)
        self.options = options or Options()
        self.audience = audience
        self.journal = Journal()
        self.shared: SharedPlayback | None = None
        date = recorded_date(self.cassettes)
        self.servers = RecordedServers(self.cassettes)
        self._constraints = ReplayConstraints(
            self.options.causality, pace_start_seconds(self.options.pace), self._identify_late
        )
        secrets = secret_comparison(self.cassettes, self.options.own_rules)
        self._ignoring = IgnoreRules(self.options.ignore, secrets)
        self._id_matcher = IdMatcher(self._ignoring) if self.options.rebind else None
        bindings = None if self._id_matcher is None else self._id_matcher.bindings
        self._requests = RecordedRequests(self.cassettes, self._ignoring)
        self._index = ExchangeIndex(
            self.servers,
            self._constraints.subscriptions,
            RepeatRules(self.options.repeat),
            self._id_matcher,
            self._ignoring,
        )
        self._answer_builder = AnswerBuilder(
            self.cassettes,
            self.options.pace,
            self.journal,
            self._constraints,
            self._requests,
            bindings,
            has_faults=bool(self.options.faults),
        )
        to_recorded_ids = None if self._id_matcher is None else self._id_matcher.to_recorded_ids
        self._miss_reporter = MissReporter(
            self.cassettes,
            self.journal.served,
            self._requests,
            to_recorded_ids,
            ignore=self.options.ignore,
            repeat=self.options.repeat,
            audience=audience,
            late=LateKeys(self._index.deferred.unreported, self._index.deferred.last_with),
        )
        self._unanswered = UnansweredRequests(self.journal, self.servers, self._miss_reporter, date)
        self._inputs = RecordedInputs(
            self._answer_input,
            self._miss_input,
            self._constraints.container_sessions.record_input_progress,
            self._ignoring.comparable_calls,
            (self._id_matcher or self._ignoring).comparable_calls,
        )
        self._second_plays = SecondPlays(self._constraints.subscriptions, self.journal.served)
        self.injection = FaultInjection(
            self.options.faults, self.options.seed, self._record_fault_hit, date
        )
        loader = ExchangeLoader(
            self._index, self._inputs, self._constraints, self._unanswered, self._miss_reporter
        )
        loader.load(self.cassettes, self._ignoring, self._rows_to_read)
        self._selection = AnswerSelection(
            self._index,
            self.servers,
            self._constraints.subscriptions,
            self._ignoring,
            self._second_plays,
            self._unanswered,
            bindings,
            loader.hang_ups,
            begin_streamed_request=self.begin_streamed_request,
            serve=self._serve,
        )

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were not served, in the order of the recording."""
        return sorted(self._index.unused + self._inputs.unused)

    @property
    def exchanges_by_call(self) -> dict[str, list[ExchangeRef]]:
        """The exchanges by type of call, by API, by both (`scheduler.ACCEPT`), and by path."""
        return self._miss_reporter.exchanges_by_call

    @property
    def left_out(self) -> list[ExchangeRef]:
        """Mutating calls that were not made, of clients that made others, in recorded order."""
        return sorted(self._constraints.identities.left_out_calls(self.journal.requested))

    @property
    def left_out_after_fault(self) -> list[ExchangeRef]:
        """Mutating calls that were not made because a fault kept events from their client."""
        identities = self._constraints.identities
        return sorted(identities.left_out_calls(self.journal.requested, after_fault=True))

    @property
    def waiting(self) -> list[str]:
        """The reasons why streams and answers are held, one line each."""
        return sorted(latch.reason for latch in self._constraints.pending_latches)

    @property
    def abandoned_waits(self) -> list[str]:
        """The reasons why streams were held when their clients left, if they still apply."""
        return [latch.reason for latch in self._constraints.abandoned_latches]

    @property
    def fault_hit_counts(self) -> dict[str, int]:
        """How often each fault has hit something, by its text; 0 for one that has not."""
        counts = self.journal.fault_hit_counts
        return {text: counts[text] for text in map(str, self.injection.faults)}

    def answer(
        self,
        request: HttpRequest,
        now_seconds: float,
        client: int = 0,
        cassette_scope: frozenset[int] | None = None,
    ) -> ReplayOutcome:
        """Answer a request at a time on the replay's clock.

        `client` is the number of its connection, 0 if that is not known. `cassette_scope` has the
        indices of the cassettes to whose address it was sent; None are all.

        Raises ValueError, LookupError or OSError if the cassette cannot be read or played.
        """
        if not self.injection.faults or self._is_input(request, cassette_scope):
            return self._selection.answer(request, now_seconds, client, cassette_scope)
        matchable = self._matchable(request)
        target = fault_target_of(
            matchable,
            self.servers.server_kinds(ServerScope(cassette_scope)),
            self._inputs.comparable_received_calls,
        )
        play = partial(
            self._selection.answer, request, now_seconds, client, cassette_scope, matchable
        )
        return self.injection.answer_with_faults(target, now_seconds, play)

    def report_stayed(
        self, request: HttpRequest, cassette_scope: frozenset[int] | None = None
    ) -> Miss:
        """Report a client that waits for an answer that the recorded client did not wait for."""
        scope = self.servers.scope_of(request, cassette_scope)
        return self._unanswered.report_miss(self._matchable(request), "client left", scope)

    def share(self, among: "int | SharedState") -> "SharedPlayback":
        """Prepare this playback for a number of workers, or for those of an earlier playback.

        Raises ValueError if that played other exchanges.
        """
        from .shared_playback import SharedPlayback, SharedState

        self._index.add_deferred()  # Workers know an answer by its row in the table.
        table, connections = self._index.table, self._index.connections
        state = among
        if isinstance(state, int):
            state = SharedState(len(table.refs), len(connections), state)
        state.attach(table.progress, connections)
        self._selection.lock = state.lock
        self.shared = SharedPlayback(
            state,
            self._index,
            self.servers,
            self._matchable,
            self._answer_builder.build_answer,
            self._constraints.is_constrained,
            self.journal,
        )
        self._unanswered.before_report = self.shared.take_served
        return self.shared

    def restore_claims(self, client: int, claims: Sequence[RecordedConnection]) -> None:
        """Go on with a connection that had this position in the recording in another process."""
        if claims:
            self._index.connections.restore_claims(client, claims)

    def forget_connection(self, client: int) -> None:
        """Forget the position of a connection in the recording, because it was closed."""
        self._index.connections.forget_connection(client)

    def begin_streamed_request(
        self, head: HttpRequest, cassette_scope: frozenset[int] | None = None
    ) -> StreamedRequest | None:
        """Begin a streamed request, which may be answered before its end; None for any other."""
        return self._inputs.begin_request(head) if self._is_input(head, cassette_scope) else None

    def _is_input(self, head: HttpRequest, at: frozenset[int] | None) -> bool:
        return any(
            is_streamed_request(head, server)
            for server in self.servers.server_kinds(ServerScope(at))
        )

    def _rows_to_read(self, number: int, cassette: Cassette) -> Sequence[int] | None:
        # Ids are compared with those of all calls, so with --rebind none can wait.
        return None if self.options.rebind else self._index.deferred.defer(number, cassette)

    def _identify_late(self, ref: ExchangeRef) -> ClientIdentity:
        """Return the client of an exchange that was added late."""
        return identify_recorded(ref, self.cassettes[ref.cassette], self._requests)

    def _record_fault_hit(self, hit: FaultHit) -> None:
        self.journal.record_fault_hit(hit)
        self._second_plays.record_fault_hit(hit)
        if hit.lost_record:
            refs = (ref for ref in self.journal.served if ref.exchange == hit.exchange)
            for ref in refs:
                events = self.cassettes[ref.cassette].events(ref.exchange)
                for event in islice(events, hit.lost_record - 1, hit.lost_record):
                    self._constraints.identities.record_lost_event(ref, event.at)

    def _serve(
        self, selection: Selection, response_options: ResponseOptions, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        """Release what waits for the request of an exchange, and build its answer."""
        ref = selection.exchange_ref
        self._constraints.mark_played(ref)
        try:
            answer = self._answer_builder.build_answer(selection, response_options, now_seconds)
        except Exception:
            self.journal.failed.add(ref)
            raise
        self.journal.record_served(ref)
        return answer

    def _matchable(self, request: HttpRequest) -> MatchableRequest:
        return MatchableRequest(request, self._ignoring)

    def _miss_input(self, request: HttpRequest, reason: MissReason) -> ReplayResponse | Miss:
        return self._unanswered.refuse_or_miss(self._matchable(request), reason)

    def _answer_input(
        self, ref: ExchangeRef, request: HttpRequest, now_seconds: float
    ) -> ReplayOutcome:
        response_options = ResponseOptions(accepts_gzip=request_accepts_gzip(request))
        answer = self._serve(Selection(ref), response_options, now_seconds)
        return self.injection.answer_with_faults(
            fault_target_of_input(request), now_seconds, lambda: answer
        )
