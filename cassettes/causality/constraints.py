"""Ties: what one exchange has to do with others, when it is played.

    containers.py      output waits for input, and a WAIT for the end of the session
    subscriptions.py   a call belongs to the stream of who makes it
    causality.py       events wait for the calls before them, of the same party (parties.py)

A tie shows as cues in a stream, as gates of an answer, or as a refusal.
"""

import heapq
from collections.abc import Iterator

from ...proto.api.negotiation import Encoding
from ...proto.http.request import Received
from ..answers.answer import Step
from ..answers.gates import Cue, Gate
from ..answers.pace import Timed
from ..answers.stream_handle import Live
from ..format.documents import Exchange
from ..format.exchange_ref import Place
from ..matching.request_key import Meaning
from ..storage.reader import Cassette
from .causality import Causality, Mode
from .container_input import Recorded
from .container_sessions import Containers
from .parties import Parties, party
from .subscriptions import Caller, Subscriptions, caller


class Ties:
    """The ties of the exchanges of a playback. `waiting` are the gates that are waited at now.

    With causality `off`, nothing waits for anything, and never for what was recorded before
    `start_seconds`.
    """

    def __init__(self, causality: Mode = "party", start_seconds: float = 0.0) -> None:
        self.waiting = set[Gate]()
        self.containers = Containers(self.waiting)
        self.subscriptions = Subscriptions()
        self.parties = Parties()
        self._causality = Causality(causality, self.waiting, start_seconds)
        self._waits = causality != "off"
        self._start_seconds = start_seconds
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
        subscriber = None
        if self._waits:
            self.containers.add(place, exchange, what, typed)
        if (who := caller(request, what)) is not None:
            subscriber = self.subscriptions.add(cassette, exchange, who)
            if who.subscribes:
                self._subscribers[place] = who
        made_by = party(place.cassette, exchange, request, what, subscriber)
        self.parties.add(place, made_by, what)
        self._causality.add(place, exchange, what, made_by)

    @property
    def given_up(self) -> list[Gate]:
        """What streams waited for until their clients left."""
        return self._causality.given_up

    def play(self, place: Place) -> None:
        """An exchange is played, now that its request has come."""
        self._causality.made(place)

    def begin(
        self, place: Place, cassette: Cassette, exchange: Exchange, encoding: Encoding, now: float
    ) -> tuple[Iterator[Timed[Cue]] | None, Live[Step] | None]:
        """A stream is played from now on, in seconds, its records in an encoding."""
        cues = self._causality.begin(place, cassette, exchange)
        if (who := self._subscribers.get(place)) is not None:
            return cues, self.subscriptions.begin(cassette, exchange, who, encoding, now)
        typed, live = self.containers.begin(place, max(exchange.at, self._start_seconds))
        if typed is not None and cues is not None:
            return heapq.merge(typed, cues, key=lambda cue: cue[0]), live
        return cues if typed is None else typed, live

    def gates(self, place: Place) -> tuple[Gate, ...] | None:
        """What the answer of an exchange waits for now; None if it never waits."""
        return self.containers.gates(place)
