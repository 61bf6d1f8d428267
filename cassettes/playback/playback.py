"""Playback: a cassette answers requests, without I/O of its own but reading the cassette.

    playback = Playback(cassette, Options(pace=Instant()))
    playback.answer(request, now_seconds)  ->  Answer | StreamAnswer | Miss

Equal requests get the recorded answers in the order of the recording. After the last, a read-only
call gets the last answer again, and a mutating one is a miss, because nobody knows what the server
would have said. Finding the answer takes the same time in any cassette; what is held in memory is
a key per distinct request and a few ready answers.
"""

import contextlib
import gc
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial

from msgspec import Struct

from ...proto.api import endpoints
from ...proto.api.apis import ServerKind
from ...proto.api.refusals import MesosRefusal
from ...proto.http.request import HttpRequest
from ..answers.answer import ReplayResponse, StreamedResponse
from ..answers.pace import Pace, Recorded, pace_start_seconds
from ..causality.causality import CausalityMode
from ..causality.constraints import ReplayConstraints
from ..causality.subscriptions import stream_mismatch_of
from ..faults.fault_spec import parse_faults as parse_faults
from ..faults.injection import FaultInjection, fault_target_of, fault_target_of_input
from ..format.documents import INCOMPLETE_REQUEST
from ..format.exchange_ref import ExchangeRef
from ..matching.answer_queue import QueueView, Selection
from ..matching.ignore_rules import IgnoreRules
from ..matching.miss_reports import MissReporter
from ..matching.misses import ReplayOutcome
from ..matching.recorded_request import recorded_request
from ..matching.repeat_rules import RepeatRules
from ..matching.request_key import ParsedRequest, parse_request, request_accepts_gzip
from ..matching.servers import ANY_SERVER, RecordedServers, ServerScope
from ..rebinding.id_matching import IdMatcher
from ..storage.reader import Cassette
from .answer_builder import AnswerBuilder, ResponseOptions
from .exchange_index import ExchangeIndex, ExchangeMatch
from .journal import Journal
from .streamed_requests import RecordedInputs, StreamedRequest, is_streamed_request
from .unanswered import UnansweredRequests

_KNOWN = 4096
"""Meanings of recorded requests that are kept while they are filed."""

_NOTHING = "nothing recorded for this call"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Options(Struct, frozen=True, kw_only=True):
    """How to play. Raises ValueError if that makes no sense.

    `ignore` are rules of what does not count when requests are compared (ignoring.py), and `repeat`
    of what follows the last answer to equal ones (repeats.py). With `causality`, events wait until
    the calls are made that were recorded before them: those of their own party, of `all` parties,
    or none (causality.py). `faults` are to be made (faults.py), as the `seed` decides.
    """

    pace: Pace = Recorded()
    ignore: Sequence[str] = ()
    repeat: Sequence[str] = ()
    rebind: bool = False
    causality: CausalityMode = "party"
    faults: Sequence[str] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        parse_faults(self.faults)
        IgnoreRules(self.ignore)
        RepeatRules(self.repeat)


class Playback:
    """Plays one cassette, or several as if they were one."""

    def __init__(
        self, cassettes: Cassette | Sequence[Cassette], options: Options | None = None
    ) -> None:
        self.cassettes = [cassettes] if isinstance(cassettes, Cassette) else list(cassettes)
        self.options = options or Options()
        self.journal = Journal()
        recorded_at = [each.header.recorded_at for each in self.cassettes] or [_EPOCH]
        self._date = format_datetime(recorded_at[0].astimezone(UTC), usegmt=True)
        self._servers = RecordedServers(self.cassettes)
        self._ties = ReplayConstraints(
            self.options.causality, pace_start_seconds(self.options.pace)
        )
        self._ignoring = IgnoreRules(self.options.ignore)
        self._rebinding = IdMatcher(self._ignoring) if self.options.rebind else None
        self._catalogue = ExchangeIndex(
            self._servers,
            self._ties.subscriptions,
            self._ignoring,
            RepeatRules(self.options.repeat),
            self._rebinding,
        )
        self._replies = AnswerBuilder(
            self.cassettes,
            self.options.pace,
            self.journal,
            self._ties,
            None if self._rebinding is None else self._rebinding.bindings,
        )
        self._counts = (self._rebinding or self._ignoring).comparable_calls
        said = None if self._rebinding is None else self._rebinding.to_recorded_ids
        self._explanations = MissReporter(self.cassettes, self.journal.served, self._ignoring, said)
        self._denials = UnansweredRequests(
            self.journal, self._servers, self._explanations, self._date
        )
        self._inputs = RecordedInputs(
            self._answer_input,
            self._denials.refuse_or_miss,
            self._ties.container_sessions.record_input_progress,
            self._ignoring.comparable_calls,
            self._counts,
        )
        self._injection = None
        if self.options.faults:
            seed, date = self.options.seed, self._date
            self._injection = FaultInjection(
                self.options.faults, seed, self.journal.record_fault_hit, date
            )
        with _uncollected():
            for number, cassette in enumerate(self.cassettes):
                self._take(number, cassette)
        self._alike = self._servers.are_alike
        self._shares = self._catalogue.is_shared

    @property
    def server_kinds(self) -> list[ServerKind | None]:
        """The kinds of servers that were recorded, the first cassette's first."""
        return self._servers.server_kinds()

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that nobody has asked for, in the order of the recording."""
        return sorted(self._catalogue.unused + self._inputs.unused)

    @property
    def left_out(self) -> list[ExchangeRef]:
        """Mutating calls that nobody has made, though their party took part in this replay."""
        return sorted(self._ties.identities.left_out_calls(self.journal.served))

    @property
    def waiting(self) -> list[str]:
        """What the streams and the answers that are held wait for, in words."""
        return sorted(gate.reason for gate in self._ties.pending_latches)

    @property
    def abandoned_waits(self) -> list[str]:
        """What streams were held for when their clients left, and that has not happened since."""
        return [gate.reason for gate in self._ties.abandoned_latches]

    @property
    def fault_hit_counts(self) -> dict[str, int]:
        """How often each fault struck; 0 for one that never did."""
        if self._injection is None:
            return {}
        return {
            text: self.journal.fault_hit_counts[text] for text in map(str, self._injection.faults)
        }

    def describe_faults(self, struck: Mapping[str, int]) -> list[str]:
        """What became of the faults, in words; `struck` says how often each struck."""
        return [] if self._injection is None else self._injection.describe_faults(struck)

    def describe_idle_faults(self, struck: Mapping[str, int]) -> list[str]:
        """Which faults never struck, in words."""
        return [] if self._injection is None else self._injection.describe_idle_faults(struck)

    def answer(
        self,
        request: HttpRequest,
        now_seconds: float,
        client: int = 0,
        cassette_scope: frozenset[int] | None = None,
    ) -> ReplayOutcome:
        """Answer a request at a time on the replay's clock.

        `client` numbers the connection that it came on; 0 is one that nobody knows. It came `at`
        the address of some cassettes, by their places in the list, or of all.

        Raises ValueError, LookupError or OSError if the cassette does not give what it should.
        """
        if self._injection is None or self._is_input(request, cassette_scope):
            return self._play(request, now_seconds, client, cassette_scope)
        call = fault_target_of(
            request, self._servers.server_kinds(ServerScope(cassette_scope)), self._counts
        )
        play = partial(self._play, request, now_seconds, client, cassette_scope)
        return self._injection.answer_with_faults(call, now_seconds, play)

    def _play(
        self,
        request: HttpRequest,
        now_seconds: float,
        client: int,
        at: frozenset[int] | None,
    ) -> ReplayOutcome:
        """Answer without faults."""
        scope = ANY_SERVER if at is None and self._alike else self._servers.scope_of(request, at)
        which = request.cache_key if scope is ANY_SERVER else (scope, request.cache_key)
        found = self._catalogue.cached_matches.get(which)
        if found is None:
            if (intake := self.begin_streamed_request(request, at)) is not None:
                return intake.feed_all(request.body, now_seconds)
            if endpoints.is_actor_message(request.text_headers):
                return self._denials.report_miss(request, "actor message", scope)
            found = self._catalogue.find_match(request, which, scope)
            if found is None:
                return self._denials.refuse_or_miss(request, _NOTHING, scope)
            if isinstance(found, MesosRefusal):
                return self._denials.refuse_request(request, found, _NOTHING, scope)
        if (
            found.subscriber is not None
            and (why := self._ties.subscriptions.refusal_for(found.subscriber)) is not None
        ):
            return self._go_astray(request, found, why, now_seconds, scope)
        turn = (
            None
            if found.queue_view is None
            else found.queue_view.select_next(client, found.client_hints)
        )
        if turn is None and (turn := _first(found.mismatch_views.values())) is None:
            return self._denials.refuse_or_miss(request, "already played", scope)
        if self._shares:
            self._catalogue.connections.record_played(client, turn.connection_step)
        if self._rebinding is not None:
            self._rebinding.bindings.bind(found.id_pairs)
        self._serve(turn.exchange_ref)
        return self._replies.build_answer(turn, found.response_options, now_seconds)

    def forget_connection(self, client: int) -> None:
        """A connection is gone."""
        self._catalogue.connections.forget_connection(client)

    def begin_streamed_request(
        self, head: HttpRequest, cassette_scope: frozenset[int] | None = None
    ) -> StreamedRequest | None:
        """Begin a streamed request, which may be answered before its end; None if it is none."""
        return self._inputs.begin_request(head) if self._is_input(head, cassette_scope) else None

    def _is_input(self, head: HttpRequest, at: frozenset[int] | None) -> bool:
        return any(
            is_streamed_request(head, server)
            for server in self._servers.server_kinds(ServerScope(at))
        )

    def _take(self, number: int, cassette: Cassette) -> None:
        server, known = cassette.header.server, dict[object, ParsedRequest]()
        for exchange in cassette.exchange_heads():
            if (
                exchange.response.status is None
                and exchange.request.malformed == INCOMPLETE_REQUEST
            ):
                continue
            place = ExchangeRef(number, exchange.exchange)
            request = recorded_request(cassette, exchange)
            if (what := known.get(request.cache_key)) is None:
                if len(known) >= _KNOWN:
                    known.clear()
                what = known[request.cache_key] = parse_request(request, server, self._ignoring)
            self._explanations.add_exchange(what.key, what.path, place)
            typed = None
            if is_streamed_request(request, server):
                typed = self._inputs.add_recorded_input(place, request, cassette, exchange)
            else:
                self._catalogue.add_exchange(place, cassette, exchange, request, what)
            self._ties.add_exchange(place, cassette, exchange, request, what, typed)

    def _go_astray(
        self,
        request: HttpRequest,
        found: ExchangeMatch,
        why: MesosRefusal,
        now_seconds: float,
        scope: ServerScope,
    ) -> ReplayResponse | StreamedResponse:
        """Refuse a call that does not belong to an open stream; one that was recorded so wins."""
        how = stream_mismatch_of(why.body)
        turn = _first([found.mismatch_views[how]] if how in found.mismatch_views else [])
        if turn is None:
            return self._denials.refuse_request(request, why, "differs", scope)
        self._serve(turn.exchange_ref)
        return self._replies.build_answer(turn, found.response_options, now_seconds)

    def _serve(self, place: ExchangeRef) -> None:
        """Take down that a recorded exchange is the answer; what waited for its request goes on."""
        self.journal.record_served(place)
        self._ties.mark_played(place)

    def _answer_input(
        self, place: ExchangeRef, request: HttpRequest, now_seconds: float
    ) -> ReplayOutcome:
        """Answer a streamed request."""
        self._serve(place)
        answer = self._replies.build_answer(
            Selection(place),
            ResponseOptions(accepts_gzip=request_accepts_gzip(request)),
            now_seconds,
        )
        if self._injection is None:
            return answer
        return self._injection.answer_with_faults(
            fault_target_of_input(request), now_seconds, lambda: answer
        )


@contextlib.contextmanager
def _uncollected() -> Generator[None]:
    """Look for no garbage meanwhile: all that is filed is kept, and looking takes long."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _first(lines: Iterable[QueueView]) -> Selection | None:
    """Take the next turn of the first line that has one."""
    return next((turn for line in lines if (turn := line.select_next()) is not None), None)
