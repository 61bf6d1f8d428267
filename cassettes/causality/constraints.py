"""Ties: what one exchange has to do with others, when it is played.

    containers.py      output waits for input, and a WAIT for the end of the session
    subscriptions.py   a call belongs to the stream of who makes it
    causality.py       events wait for the calls before them, of the same party (identities.py)

A tie shows as cues in a stream, as gates of an answer, or as a refusal.
"""

import heapq
from collections.abc import Iterator

from ...proto.api.negotiation import Encoding
from ...proto.http.request import HttpRequest
from ..answers.answer import StreamStep
from ..answers.gates import Latch, SyncPoint
from ..answers.pace import Timed
from ..answers.stream_handle import StreamHandle
from ..format.documents import Exchange
from ..format.exchange_ref import ExchangeRef
from ..matching.request_key import ParsedRequest
from ..storage.reader import Cassette
from .causality import Causality, CausalityMode
from .container_input import RecordedInput
from .container_sessions import ContainerSessions
from .identities import ClientIdentities, identify_client
from .subscriptions import Subscriber, Subscriptions, identify_subscriber


class ReplayConstraints:
    """The ties of the exchanges of a playback. `waiting` are the gates that are waited at now.

    With causality `off`, nothing waits for anything, and never for what was recorded before
    `start_seconds`.
    """

    def __init__(self, causality: CausalityMode = "party", start_seconds: float = 0.0) -> None:
        self.pending_latches = set[Latch]()
        self.container_sessions = ContainerSessions(self.pending_latches)
        self.subscriptions = Subscriptions()
        self.identities = ClientIdentities()
        self._causality = Causality(causality, self.pending_latches, start_seconds)
        self._waits = causality != "off"
        self._start_seconds = start_seconds
        self._subscribers: dict[ExchangeRef, Subscriber] = {}

    def add_exchange(
        self,
        place: ExchangeRef,
        cassette: Cassette,
        exchange: Exchange,
        request: HttpRequest,
        what: ParsedRequest,
        typed: RecordedInput | None = None,
    ) -> None:
        """File an exchange; `typed` is its input, if it is a streamed request."""
        subscriber = None
        if self._waits:
            self.container_sessions.add_exchange(place, exchange, what, typed)
        if (who := identify_subscriber(request, what)) is not None:
            subscriber = self.subscriptions.add_exchange(cassette, exchange, who)
            if who.is_subscribing:
                self._subscribers[place] = who
        made_by = identify_client(place.cassette, exchange, request, what, subscriber)
        self.identities.add_exchange(place, made_by, what)
        self._causality.add_exchange(place, exchange, what, made_by)

    @property
    def abandoned_latches(self) -> list[Latch]:
        """What streams waited for until their clients left."""
        return self._causality.abandoned_latches

    def mark_played(self, place: ExchangeRef) -> None:
        """An exchange is played, now that its request has come."""
        self._causality.mark_made(place)

    def begin_stream(
        self,
        place: ExchangeRef,
        cassette: Cassette,
        exchange: Exchange,
        encoding: Encoding,
        now: float,
    ) -> tuple[Iterator[Timed[SyncPoint]] | None, StreamHandle[StreamStep] | None]:
        """A stream is played from now on, in seconds, its records in an encoding."""
        cues = self._causality.begin_stream(place, cassette, exchange)
        if (who := self._subscribers.get(place)) is not None:
            return cues, self.subscriptions.begin_stream(cassette, exchange, who, encoding, now)
        typed, live = self.container_sessions.begin_stream(
            place, max(exchange.at, self._start_seconds)
        )
        if typed is not None and cues is not None:
            return heapq.merge(typed, cues, key=lambda cue: cue[0]), live
        return cues if typed is None else typed, live

    def answer_latches(self, place: ExchangeRef) -> tuple[Latch, ...] | None:
        """What the answer of an exchange waits for now; None if it never waits."""
        return self.container_sessions.answer_latches(place)
