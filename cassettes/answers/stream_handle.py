"""A stream in play, as its playback and its server both know it."""

from collections.abc import Callable, Iterable

from .pace import Timed


class StreamHandle[Step]:
    """The server tells when the stream is over; the playback may have it end otherwise.

    `over` is called once, with True if the client left before the end.
    """

    def __init__(self, over: Callable[[bool], object] = lambda _: None) -> None:
        self.is_over = False
        self._over = over
        self._ending: Iterable[Timed[Step]] | None = None
        self._turn: Callable[[Iterable[Timed[Step]]], object] | None = None

    def end_with(self, steps: Iterable[Timed[Step]]) -> None:
        """Play these steps, and none of those that were recorded any more."""
        if self._turn is not None:
            self._turn(steps)
        else:
            self._ending = steps

    def attach(self, turn: Callable[[Iterable[Timed[Step]]], object]) -> None:
        """The stream begins; `turn` has it play other steps from then on."""
        self._turn = turn
        if self._ending is not None:
            turn(self._ending)

    def mark_over(self, *, client_left: bool) -> None:
        """The stream is over: it was played to its end, or the client left."""
        if not self.is_over:
            self.is_over = True
            self._over(client_left)
