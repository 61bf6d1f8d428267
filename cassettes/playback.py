"""Playback: a cassette answers requests, without I/O of its own but reading the cassette.

    playback = Playback(cassette, Options(pace=Instant()))
    playback.answer(request, now_seconds)  ->  Answer | StreamAnswer | Miss

Equal requests get the recorded answers in the order of the recording. After the last, a read-only
call gets the last answer again, and a mutating one is a miss, because nobody knows what the server
would have said. Finding the answer takes the same time in any cassette; what is held in memory is
a key per distinct request and a few ready answers.
"""

from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct

from ..proto import endpoints
from . import answers
from .answers import Answer, StreamAnswer
from .bodies import wire
from .documents import INCOMPLETE, Exchange, ServerKind
from .intake import Inputs, Intake, is_input
from .journal import Journal, Place
from .matching import Key, Meaning, meaning, takes_gzip
from .misses import Miss, Near, Reason
from .nearest import Index, differences
from .pace import Pace, Recorded
from .reader import Cassette
from .recalling import answer_message, recorded_request
from .received import Received
from .timeline import Timeline

_SEEN = 4096
_SEEN_BODY = 64 * 1024
"""Requests with their keys that are kept, and bytes of the longest body among them."""

_NEAREST = 3
_DIFFERENCES = 8
"""How much of what came near a miss shows."""

_READY = 16 * 1024 * 1024
_READY_BODY = 256 * 1024
"""Bytes of answers that are kept ready, and of the largest one."""


class Options(Struct, frozen=True, kw_only=True):
    """How to play."""

    pace: Pace = Recorded()


class _Track(Struct):
    """Recorded exchanges of equal requests, and how many have been played."""

    places: list[Place]
    mutating: bool
    played: int = 0

    def take(self) -> Place | None:
        """The next exchange to play, or None: all are played, and none may be again."""
        if self.played < len(self.places):
            self.played += 1
        elif self.mutating:
            return None
        return self.places[self.played - 1]


class _Seen(Struct, frozen=True):
    """What is known of a request that came before, so that an equal one is not decoded."""

    track: _Track
    bodiless: bool
    gzips: bool


class Playback:
    """Plays one cassette, or several as if they were one."""

    def __init__(
        self, cassettes: Cassette | Sequence[Cassette], options: Options | None = None
    ) -> None:
        self.cassettes = [cassettes] if isinstance(cassettes, Cassette) else list(cassettes)
        self.options = options or Options()
        self.journal = Journal()
        servers: list[ServerKind | None] = [each.header.server for each in self.cassettes]
        self._servers = list(dict.fromkeys(servers))
        self._tracks: dict[Key, _Track] = {}
        self._index = Index()
        self._seen: dict[Received, _Seen] = {}
        self._ready = _Ready()
        self._inputs = Inputs(self._answer_input, self._missed)
        for number, cassette in enumerate(self.cassettes):
            self._take(number, cassette)

    @property
    def unused(self) -> list[Place]:
        """Exchanges that nobody has asked for, in the order of the recording."""
        tracks = self._tracks.values()
        unused = [place for track in tracks for place in track.places[track.played :]]
        unused += self._inputs.unused
        return sorted(unused, key=lambda place: (place.cassette, place.exchange))

    def answer(self, request: Received, now_seconds: float) -> Answer | StreamAnswer | Miss:
        """Answer a request at a time on the replay's clock.

        Raises ValueError, LookupError or OSError if the cassette does not give what it should.
        """
        seen = self._seen.get(request)
        if seen is None:
            if (intake := self.receive(request)) is not None:
                return intake.whole(request.body, now_seconds)
            found = self._find(request)
            if isinstance(found, Miss):
                return found
            seen = found
        place = seen.track.take()
        if place is None:
            return self._missed(request, "already played")
        self.journal.serve(place)
        ready = self._ready.get((place, seen.bodiless, seen.gzips))
        return self._built(place, seen, now_seconds) if ready is None else ready

    def receive(self, head: Received) -> Intake | None:
        """Begin a streamed request, which may be answered before its end; None if it is none."""
        if not any(is_input(head, server) for server in self._servers):
            return None
        return self._inputs.open(head)

    def _take(self, number: int, cassette: Cassette) -> None:
        server = cassette.header.server
        for exchange in cassette.requests():
            if exchange.response.status is None and exchange.request.malformed == INCOMPLETE:
                continue
            place = Place(number, exchange.exchange)
            request = recorded_request(cassette, exchange)
            what = meaning(request, server)
            self._index.add(what.key, what.path, place)
            if is_input(request, server):
                self._inputs.add(place, request, cassette, exchange)
            else:
                track = self._tracks.setdefault(what.key, _Track([], what.mutating))
                track.places.append(place)

    def _find(self, request: Received) -> _Seen | Miss:
        """Match a request that was not seen before, as each kind of server here would read it."""
        if endpoints.is_actor_message(request.fields):
            return self._missed(request, "actor message")
        for server in self._servers:
            track = self._tracks.get(meaning(request, server).key)
            if track is not None:
                seen = _Seen(track, request.method == b"HEAD", takes_gzip(request))
                self._remember(request, seen)
                return seen
        return self._missed(request, "nothing recorded for this call")

    def _remember(self, request: Received, seen: _Seen) -> None:
        if len(request.body) > _SEEN_BODY:
            return
        if len(self._seen) >= _SEEN:
            del self._seen[next(iter(self._seen))]
        self._seen[request] = seen

    def _answer_input(
        self, place: Place, request: Received, now_seconds: float
    ) -> Answer | StreamAnswer:
        """Answer a streamed request."""
        self.journal.serve(place)
        seen = _Seen(_Track([place], mutating=True), bodiless=False, gzips=takes_gzip(request))
        return self._built(place, seen, now_seconds)

    def _built(self, place: Place, seen: _Seen, now_seconds: float) -> Answer | StreamAnswer:
        """Make the answer of an exchange from the cassette."""
        cassette = self.cassettes[place.cassette]
        exchange = cassette.exchange(place.exchange)
        response, message = exchange.response, _message(cassette, exchange)
        if response.stream is not None and response.status is not None and not seen.bodiless:
            steps = Timeline(cassette, exchange, message).play(self.options.pace, now_seconds)
            return answers.stream(place.exchange, response, steps)
        body = wire(response, message)
        answer = answers.unary(
            place.exchange, response, body, bodiless=seen.bodiless, gzips=seen.gzips
        )
        self._ready.put((place, seen.bodiless, seen.gzips), answer)
        return answer

    def _missed(self, request: Received, reason: Reason) -> Miss:
        """Explain why there is no answer, with what comes nearest, and take it down."""
        what = meaning(request, self._servers[0] if self._servers else None)
        places, same = self._index.candidates(what.key, what.path)
        near = sorted((self._near(place, what) for place in places), key=_distance)[:_NEAREST]
        if same and reason == "nothing recorded for this call":
            reason = "differs"
        miss = Miss(
            reason=reason,
            method=request.method.decode("latin-1"),
            path=request.target.decode("latin-1"),
            what=what.what,
            nearest=tuple(near),
        )
        self.journal.miss(miss)
        return miss

    def _near(self, place: Place, received: Meaning) -> Near:
        """Compare an exchange with a request."""
        cassette = self.cassettes[place.cassette]
        exchange = cassette.exchange(place.exchange)
        recorded = meaning(recorded_request(cassette, exchange), cassette.header.server)
        found = list(differences(recorded, received))
        return Near(
            exchange=place.exchange,
            what=recorded.what or f"{exchange.request.method} {exchange.request.path}",
            played=place in self.journal.served,
            differences=tuple(found[:_DIFFERENCES]),
            more=max(0, len(found) - _DIFFERENCES),
        )


def _message(cassette: Cassette, exchange: Exchange) -> str | None:
    """Name the message of the answer, if it takes one to give its bytes or to read its records."""
    if exchange.response.stream is None and exchange.response.proto is None:
        return None
    recorded = meaning(recorded_request(cassette, exchange), cassette.header.server)
    return answer_message(exchange, recorded.type)


def _distance(near: Near) -> tuple[int, bool]:
    """Few differences first, and of equal ones those that were not played."""
    return len(near.differences) + near.more, near.played


class _Ready:
    """Answers that are ready to go out again, the least used dropped first."""

    def __init__(self) -> None:
        self._answers = OrderedDict[tuple[Place, bool, bool], Answer]()
        self._bytes = 0

    def get(self, which: tuple[Place, bool, bool]) -> Answer | None:
        """Give an answer if it is here."""
        answer = self._answers.get(which)
        if answer is not None:
            self._answers.move_to_end(which)
        return answer

    def put(self, which: tuple[Place, bool, bool], answer: Answer) -> None:
        """Keep an answer, unless it is large."""
        if len(answer.body) > _READY_BODY:
            return
        self._answers[which] = answer
        self._bytes += len(answer.head) + len(answer.body)
        while self._bytes > _READY:
            _, dropped = self._answers.popitem(last=False)
            self._bytes -= len(dropped.head) + len(dropped.body)
