"""Exchanges that are played once more, because their client has subscribed again.

A fault may break the stream of a subscriber, which then subscribes again and gets the same stream
from its beginning. It may also make again what calls it made before, and leave out those that it
need not repeat. Without a fault, `--repeat SUBSCRIBE=last` is needed for that.
"""

from collections.abc import Mapping

from ..causality.subscriptions import Subscriptions
from ..faults.fault_spec import FaultHit
from ..format.exchange_ref import ExchangeRef
from ..matching.queue_view import QueueView, Selection
from .exchange_index import ExchangeMatch

_SUBSCRIBE = "SUBSCRIBE"


class SecondPlays:
    """Selects the exchanges that are played again. `served` counts the plays of each."""

    def __init__(self, subscriptions: Subscriptions, served: Mapping[ExchangeRef, int]) -> None:
        self._subscriptions = subscriptions
        self._served = served
        self._broken = set[int]()

    def record_fault_hit(self, hit: FaultHit) -> None:
        """Record what a fault did: the exchange of a stream that it has hit may be played again."""
        if hit.call == _SUBSCRIBE and hit.exchange:
            self._broken.add(hit.exchange)

    def select(self, match: ExchangeMatch) -> Selection | None:
        """Return the exchange that answers a request for which there is no new one."""
        if match.is_subscription:
            return self._select_stream(match)
        if match.subscriber is None or match.queue_view is None:
            return None
        stream = self._subscriptions.exchange_of(match.subscriber)
        if stream is None or (plays := self._served.get(stream, 0)) < 2:
            return None
        answers = match.queue_view.selections()
        return next(
            (each for each in answers if self._served.get(each.exchange_ref, 0) < plays), None
        )

    def _select_stream(self, match: ExchangeMatch) -> Selection | None:
        stream = None
        if match.subscriber is not None:
            stream = self._subscriptions.exchange_of(match.subscriber)
        for view in (match.queue_view, match.first_view):
            for selection in () if view is None else view.selections():
                ref = selection.exchange_ref
                is_allowed = ref.exchange in self._broken or _is_repeated(view)
                if (stream is None or ref == stream) and is_allowed:
                    self._broken.discard(ref.exchange)
                    return selection
        return None


def _is_repeated(view: QueueView | None) -> bool:
    return view is not None and view.can_repeat
