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
from ...proto.api.refusals import Refusal
from ...proto.http.request import Received
from ..answers.answer import Answer, StreamAnswer
from ..answers.pace import Pace, Recorded, start
from ..causality.causality import Mode
from ..causality.constraints import Ties
from ..causality.subscriptions import astray
from ..faults.fault_spec import parse_all as parse_faults
from ..faults.injection import Injection, called, called_input
from ..format.documents import INCOMPLETE
from ..format.exchange_ref import Place
from ..matching.answer_queue import Line, Turn
from ..matching.ignore_rules import Ignoring
from ..matching.miss_reports import Explanations
from ..matching.misses import Miss
from ..matching.recorded_request import recorded_request
from ..matching.repeat_rules import Repeats
from ..matching.request_key import Meaning, meaning, takes_gzip
from ..matching.servers import ANY, Scope, Servers
from ..rebinding.id_matching import Rebinding
from ..storage.reader import Cassette
from .answer_builder import Client, Replies
from .exchange_index import Catalogue, Match
from .journal import Journal
from .streamed_requests import Inputs, Intake, is_input
from .unanswered import Denials

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
    causality: Mode = "party"
    faults: Sequence[str] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        parse_faults(self.faults)
        Ignoring(self.ignore)
        Repeats(self.repeat)


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
        self._servers = Servers(self.cassettes)
        self._ties = Ties(self.options.causality, start(self.options.pace))
        self._ignoring = Ignoring(self.options.ignore)
        self._rebinding = Rebinding(self._ignoring) if self.options.rebind else None
        self._catalogue = Catalogue(
            self._servers,
            self._ties.subscriptions,
            self._ignoring,
            Repeats(self.options.repeat),
            self._rebinding,
        )
        self._replies = Replies(
            self.cassettes,
            self.options.pace,
            self.journal,
            self._ties,
            None if self._rebinding is None else self._rebinding.bindings,
        )
        self._counts = (self._rebinding or self._ignoring).counts
        said = None if self._rebinding is None else self._rebinding.said
        self._explanations = Explanations(self.cassettes, self.journal.served, self._ignoring, said)
        self._denials = Denials(self.journal, self._servers, self._explanations, self._date)
        self._inputs = Inputs(
            self._answer_input,
            self._denials.deny,
            self._ties.containers.progress,
            self._ignoring.counts,
            self._counts,
        )
        self._injection = None
        if self.options.faults:
            seed, date = self.options.seed, self._date
            self._injection = Injection(self.options.faults, seed, self.journal.strike, date)
        with _uncollected():
            for number, cassette in enumerate(self.cassettes):
                self._take(number, cassette)
        self._alike = self._servers.are_alike
        self._shares = self._catalogue.is_shared

    @property
    def kinds(self) -> list[ServerKind | None]:
        """The kinds of servers that were recorded, the first cassette's first."""
        return self._servers.kinds()

    @property
    def unused(self) -> list[Place]:
        """Exchanges that nobody has asked for, in the order of the recording."""
        unused = self._catalogue.unused + self._inputs.unused
        return sorted(unused, key=lambda place: (place.cassette, place.exchange))

    @property
    def left_out(self) -> list[Place]:
        """Mutating calls that nobody has made, though their party took part in this replay."""
        return sorted(
            self._ties.parties.left_out(self.journal.served),
            key=lambda place: (place.cassette, place.exchange),
        )

    @property
    def waiting(self) -> list[str]:
        """What the streams and the answers that are held wait for, in words."""
        return sorted(gate.reason for gate in self._ties.waiting)

    @property
    def given_up(self) -> list[str]:
        """What streams were held for when their clients left, and that has not happened since."""
        return [gate.reason for gate in self._ties.given_up]

    @property
    def faults(self) -> dict[str, int]:
        """How often each fault struck; 0 for one that never did."""
        if self._injection is None:
            return {}
        return {text: self.journal.struck[text] for text in map(str, self._injection.faults)}

    def faults_report(self, struck: Mapping[str, int]) -> list[str]:
        """What became of the faults, in words; `struck` says how often each struck."""
        return [] if self._injection is None else self._injection.report(struck)

    def idle_faults(self, struck: Mapping[str, int]) -> list[str]:
        """Which faults never struck, in words."""
        return [] if self._injection is None else self._injection.idle(struck)

    def answer(
        self,
        request: Received,
        now_seconds: float,
        client: int = 0,
        at: frozenset[int] | None = None,
    ) -> Answer | StreamAnswer | Miss:
        """Answer a request at a time on the replay's clock.

        `client` numbers the connection that it came on; 0 is one that nobody knows. It came `at`
        the address of some cassettes, by their places in the list, or of all.

        Raises ValueError, LookupError or OSError if the cassette does not give what it should.
        """
        if self._injection is None or self._is_input(request, at):
            return self._play(request, now_seconds, client, at)
        call = called(request, self._servers.kinds(Scope(at)), self._counts)
        play = partial(self._play, request, now_seconds, client, at)
        return self._injection.answer(call, now_seconds, play)

    def _play(
        self,
        request: Received,
        now_seconds: float,
        client: int,
        at: frozenset[int] | None,
    ) -> Answer | StreamAnswer | Miss:
        """Answer without faults."""
        scope = ANY if at is None and self._alike else self._servers.meant(request, at)
        which = request.identity if scope is ANY else (scope, request.identity)
        found = self._catalogue.kept.get(which)
        if found is None:
            if (intake := self.receive(request, at)) is not None:
                return intake.whole(request.body, now_seconds)
            if endpoints.is_actor_message(request.fields):
                return self._denials.miss(request, "actor message", scope)
            found = self._catalogue.find(request, which, scope)
            if found is None:
                return self._denials.deny(request, _NOTHING, scope)
            if isinstance(found, Refusal):
                return self._denials.refuse(request, found, _NOTHING, scope)
        if found.who is not None and (why := self._ties.subscriptions.check(found.who)) is not None:
            return self._go_astray(request, found, why, now_seconds, scope)
        turn = None if found.line is None else found.line.take(client, found.signs)
        if turn is None and (turn := _first(found.astray.values())) is None:
            return self._denials.deny(request, "already played", scope)
        if self._shares:
            self._catalogue.clients.play(client, turn.part)
        if self._rebinding is not None:
            self._rebinding.bindings.bind(found.pairs)
        self._serve(turn.place)
        return self._replies.give(turn, found.client, now_seconds)

    def leave(self, client: int) -> None:
        """A connection is gone."""
        self._catalogue.clients.leave(client)

    def receive(self, head: Received, at: frozenset[int] | None = None) -> Intake | None:
        """Begin a streamed request, which may be answered before its end; None if it is none."""
        return self._inputs.open(head) if self._is_input(head, at) else None

    def _is_input(self, head: Received, at: frozenset[int] | None) -> bool:
        return any(is_input(head, server) for server in self._servers.kinds(Scope(at)))

    def _take(self, number: int, cassette: Cassette) -> None:
        server, known = cassette.header.server, dict[object, Meaning]()
        for exchange in cassette.requests():
            if exchange.response.status is None and exchange.request.malformed == INCOMPLETE:
                continue
            place = Place(number, exchange.exchange)
            request = recorded_request(cassette, exchange)
            if (what := known.get(request.identity)) is None:
                if len(known) >= _KNOWN:
                    known.clear()
                what = known[request.identity] = meaning(request, server, self._ignoring)
            self._explanations.add(what.key, what.path, place)
            typed = None
            if is_input(request, server):
                typed = self._inputs.add(place, request, cassette, exchange)
            else:
                self._catalogue.add(place, cassette, exchange, request, what)
            self._ties.add(place, cassette, exchange, request, what, typed)

    def _go_astray(
        self, request: Received, found: Match, why: Refusal, now_seconds: float, scope: Scope
    ) -> Answer | StreamAnswer:
        """Refuse a call that does not belong to an open stream; one that was recorded so wins."""
        how = astray(why.text)
        turn = _first([found.astray[how]] if how in found.astray else [])
        if turn is None:
            return self._denials.refuse(request, why, "differs", scope)
        self._serve(turn.place)
        return self._replies.give(turn, found.client, now_seconds)

    def _serve(self, place: Place) -> None:
        """Take down that a recorded exchange is the answer; what waited for its request goes on."""
        self.journal.serve(place)
        self._ties.play(place)

    def _answer_input(
        self, place: Place, request: Received, now_seconds: float
    ) -> Answer | StreamAnswer:
        """Answer a streamed request."""
        self._serve(place)
        answer = self._replies.give(Turn(place), Client(gzips=takes_gzip(request)), now_seconds)
        if self._injection is None:
            return answer
        return self._injection.strike(called_input(request), now_seconds, answer)


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


def _first(lines: Iterable[Line]) -> Turn | None:
    """Take the next turn of the first line that has one."""
    return next((turn for line in lines if (turn := line.take()) is not None), None)
