"""Constraints between exchanges at replay.

    container_sessions.py   output waits for input, and a WAIT for the end of the session
    subscriptions.py        a call belongs to the stream of the client that makes it
    causality.py            events wait for the calls before them, of the same client

A constraint takes effect as sync points in a stream, as latches of an answer, or as a refusal.
"""

import heapq
from collections.abc import Callable, Iterator

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
from .identities import ClientIdentities, ClientIdentity, identify_client
from .subscriptions import Subscriber, Subscriptions, identify_subscriber


class ReplayConstraints:
    """The constraints between the exchanges of a playback.

    `pending_latches` are the latches that something waits at now. With causality `off`, neither
    events nor output wait; nothing ever waits for what was recorded before `start_seconds`.
    `identify_late` returns the client of an exchange that is not added, because it only reads.
    """

    def __init__(
        self,
        causality: CausalityMode = "party",
        start_seconds: float = 0.0,
        identify_late: Callable[[ExchangeRef], ClientIdentity] | None = None,
    ) -> None:
        self.pending_latches = set[Latch]()
        self.container_sessions = ContainerSessions(self.pending_latches)
        self.subscriptions = Subscriptions()
        self.identities = ClientIdentities(identify_late)
        self._causality = Causality(causality, self.pending_latches, start_seconds)
        self._is_causality_on = causality != "off"
        self._start_seconds = start_seconds
        self._subscribers: dict[ExchangeRef, Subscriber] = {}

    def add_exchange(
        self,
        ref: ExchangeRef,
        cassette: Cassette,
        exchange: Exchange,
        request: HttpRequest,
        parsed: ParsedRequest,
        recorded_input: RecordedInput | None = None,
    ) -> None:
        """Add a recorded exchange; `recorded_input` is its body, if that is a streamed request."""
        subscriber_id, is_refused = None, False
        if self._is_causality_on:
            self.container_sessions.add_exchange(ref, exchange, parsed, recorded_input)
        if (subscriber := identify_subscriber(request, parsed)) is not None:
            subscriber_id = self.subscriptions.add_exchange(cassette, exchange, subscriber)
            is_refused = subscriber_id is None
            subscriber_id = subscriber_id or subscriber.subscriber_id
            if subscriber.is_subscribing:
                self._subscribers[ref] = subscriber
        identity = identify_client(ref.cassette, exchange, request, parsed, subscriber_id)
        self.identities.add_exchange(ref, exchange.at, identity, parsed)
        self._causality.add_exchange(
            ref, exchange, request, parsed, identity, is_refused=is_refused
        )

    @property
    def abandoned_latches(self) -> list[Latch]:
        """Latches at which streams waited until their clients left, and that are still closed."""
        return self._causality.abandoned_latches

    def is_constrained(self, ref: ExchangeRef) -> bool:
        """Return whether something waits for an exchange, or its answer for something."""
        return self._causality.is_awaited(ref) or self.container_sessions.is_part(ref)

    def mark_played(self, ref: ExchangeRef) -> None:
        """Release what waits for the request of an exchange, because it has arrived."""
        self._causality.mark_made(ref)
        self.container_sessions.mark_made(ref)

    def begin_stream(
        self,
        ref: ExchangeRef,
        cassette: Cassette,
        exchange: Exchange,
        encoding: Encoding,
        now_seconds: float,
    ) -> tuple[Iterator[Timed[SyncPoint]] | None, StreamHandle[StreamStep] | None]:
        """Begin to play a stream, whose records are sent in `encoding`.

        Return its sync points by recorded time, lazily, and the handle by which the server reports
        its end; None for either if there is none.
        """
        self.identities.begin_stream(ref)
        sync_points = self._causality.begin_stream(ref, cassette, exchange)
        if (subscriber := self._subscribers.get(ref)) is not None:
            handle = self.subscriptions.begin_stream(
                ref, cassette, exchange, subscriber, encoding, now_seconds
            )
            return sync_points, handle
        since_seconds = max(exchange.at, self._start_seconds)
        of_container, session_handle = self.container_sessions.begin_stream(ref, since_seconds)
        if of_container is None or sync_points is None:
            return sync_points or of_container, session_handle
        merged = heapq.merge(of_container, sync_points, key=lambda timed: timed[0])
        return merged, session_handle

    def hang_up_latch(self, ref: ExchangeRef) -> Latch:
        """Return a latch that never opens, for a call whose client left before the answer."""
        text = f"exchange {ref.exchange} has no answer: the recorded client left before it"
        return Latch(text, self.pending_latches)

    def answer_latches(self, ref: ExchangeRef) -> tuple[Latch, ...] | None:
        """Return the latches at which an answer waits now; None if it never waits."""
        return self.container_sessions.answer_latches(ref)
