"""Ties: what one exchange has to do with others, when it is played.

    containers.py      output waits for input, and a WAIT for the end of the session
    subscriptions.py   a call belongs to the stream of who makes it

A tie shows as cues in a stream, as gates of an answer, or as a refusal.
"""

from collections.abc import Iterator

from ..proto.negotiation import Encoding
from .answers import Step
from .containers import Containers
from .documents import Exchange
from .gates import Cue, Gate
from .inputs import Recorded
from .journal import Place
from .live import Live
from .matching import Meaning
from .pace import Timed
from .reader import Cassette
from .received import Received
from .subscriptions import Caller, Subscriptions, caller


class Ties:
    """The ties of the exchanges of a playback. `waiting` are the gates that are waited at now."""

    def __init__(self) -> None:
        self.waiting = set[Gate]()
        self.containers = Containers(self.waiting)
        self.subscriptions = Subscriptions()
        self._subscribers: dict[Place, Caller] = {}

    def add(
        self,
        place: Place,
        cassette: Cassette,
        exchange: Exchange,
        request: Received,
        what: Meaning,
        typed: Recorded | None = None,
    ) -> None:
        """File an exchange; `typed` is its input, if it is a streamed request."""
        self.containers.add(place, exchange, what, typed)
        if (who := caller(request, what)) is not None:
            self.subscriptions.add(cassette, exchange, who)
            if who.subscribes:
                self._subscribers[place] = who

    def begin(
        self, place: Place, cassette: Cassette, exchange: Exchange, encoding: Encoding, now: float
    ) -> tuple[Iterator[Timed[Cue]] | None, Live[Step] | None]:
        """A stream is played from now on, in seconds, its records in an encoding."""
        if (who := self._subscribers.get(place)) is not None:
            return None, self.subscriptions.begin(cassette, exchange, who, encoding, now)
        return self.containers.begin(place, exchange.at)

    def gates(self, place: Place) -> tuple[Gate, ...] | None:
        """What the answer of an exchange waits for now; None if it never waits."""
        return self.containers.gates(place)
