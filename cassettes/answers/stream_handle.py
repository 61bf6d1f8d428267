"""The handle of an open stream, shared by the playback and the server that sends it."""

from collections.abc import Callable, Iterable

from .pace import Timed


class StreamHandle[Step]:
    """The server reports when the stream is over; the playback may end it with other steps.

    `on_over` is called once, with True if the client left before the end.
    """

    def __init__(self, on_over: Callable[[bool], object] = lambda _: None) -> None:
        self.is_over = False
        self._on_over = on_over
        self._ending: Iterable[Timed[Step]] | None = None
        self._replace_steps: Callable[[Iterable[Timed[Step]]], object] | None = None

    def end_with(self, steps: Iterable[Timed[Step]]) -> None:
        """Send these steps instead of the recorded ones that were not sent yet."""
        if self._replace_steps is not None:
            self._replace_steps(steps)
        else:
            self._ending = steps

    def attach(self, replace_steps: Callable[[Iterable[Timed[Step]]], object]) -> None:
        """Connect a server that begins to send; `replace_steps` makes it send other steps."""
        self._replace_steps = replace_steps
        if self._ending is not None:
            replace_steps(self._ending)

    def mark_over(self, *, client_left: bool) -> None:
        """Report that the stream was sent to its end, or that the client left."""
        if not self.is_over:
            self.is_over = True
            self._replace_steps = None  # The stream refers to this: a circle.
            self._on_over(client_left)
