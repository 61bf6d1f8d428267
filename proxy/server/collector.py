"""Garbage collections of a process that serves many streams.

Nothing of an open stream is garbage, but a full collection walks all of them, and the cassette: 40
ms with 1,000 streams, in which no event is sent (and 150 with 3,000). So what is alive is frozen
now and then: the collector does not look at it any more. If a connection that closes later leaves
garbage, it does not find that. So when many have closed, one full collection finds all of it.
"""

import gc

_OPENED = 64
"""Connections that open between two freezes. Their objects are walked first: half a millisecond."""

_CLOSED = 5000
"""Frozen connections that close between two collections of everything, which take 40 ms. As far as
is known they leave none: tests/proxy/server/test_collector.py."""


class Collector:
    """Freezes what is alive while connections open, which have ascending numbers.

    This is for a process that does nothing but serve.
    """

    def __init__(self) -> None:
        self._last_opened = self._last_frozen = self._closed = 0

    def note_opened(self, number: int) -> None:
        """Freeze what is alive, if enough connections have opened."""
        self._last_opened = number
        if number >= self._last_frozen + _OPENED:
            gc.collect()  # No garbage is to be frozen. What was frozen before is not walked.
            self._freeze()

    def note_closed(self, number: int) -> None:
        """Collect all garbage, if enough connections have closed that were frozen."""
        self._closed += number <= self._last_frozen
        if self._closed >= _CLOSED:
            gc.unfreeze()
            gc.collect()
            self._freeze()
            self._closed = 0

    def _freeze(self) -> None:
        gc.freeze()
        self._last_frozen = self._last_opened
