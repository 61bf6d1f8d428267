"""A callback for `stream` of a message, which observes a body while mitmproxy streams it.

mitmproxy calls it with each piece of the body, and once with `b""` at a clean end. It sends what
the callback returns: bytes, or several pieces. If it raises, the piece is lost for the receiver.
So it returns what it got, and an error of the recorder is only counted.
"""

import zlib
from collections.abc import Callable, Iterable

from ...cassettes.format.documents import Side
from ...cassettes.recording.observations import AnyObservation, BodyData, RecorderNote
from ...proto.counted import counted
from .guard import Guard

type StreamCallback = Callable[[bytes], Iterable[bytes] | bytes]


def pass_on(data: bytes) -> bytes:
    """Return a piece of a body: the callback of a body that is streamed, but not observed yet."""
    return data


class BodyTap:
    """Observes one side of an exchange: what the client sent, or what it gets.

    `callback` is for mitmproxy. `is_complete` is true after a clean end. A callback of another
    addon that was set before is called by ours: of a request its input is recorded, of a response
    its output. `is_changed` is true if these differ.
    """

    def __init__(
        self,
        exchange: int,
        side: Side,
        send: Callable[[AnyObservation], None],
        now: Callable[[], float],
        guard: Guard,
    ) -> None:
        self.is_complete = False
        self.callback: StreamCallback = self._tap
        self._exchange: int = exchange
        self._side: Side = side
        self._send, self._now, self._guard = send, now, guard
        self._input_sum = self._output_sum = 0

    @property
    def is_changed(self) -> bool:
        """Whether another callback returned other bytes than it got."""
        return self._input_sum != self._output_sum

    def follow(self, stream: StreamCallback | bool) -> None:
        """Call `stream`, the callback that was set before, from the callback of the tap."""
        if callable(stream) and stream is not pass_on:
            self.callback = self._tap_around(stream)

    def _tap(self, data: bytes) -> bytes:
        try:
            if data:
                self._send(BodyData(self._exchange, self._now(), self._side, data))
            else:
                self.is_complete = True
        except Exception as error:
            self._guard.catch(error)
        return data

    def _tap_around(self, inner: StreamCallback) -> StreamCallback:
        """Return a callback around one of another addon; it raises what that one raises."""

        def tap(data: bytes) -> Iterable[bytes] | bytes:
            if self._side == "client":
                self._tap(data)
            try:
                output = inner(data)
                pieces = [output] if isinstance(output, bytes) else list(output)
            except Exception as error:
                self._guard.wrap(self._note_failure)(data, error)
                raise
            for piece in pieces:
                if piece and self._side == "server":
                    self._tap(piece)
                self._output_sum = zlib.crc32(piece, self._output_sum)
            self._input_sum = zlib.crc32(data, self._input_sum)
            self.is_complete = not data
            return output if isinstance(output, bytes) else pieces

        return tap

    def _note_failure(self, data: bytes, error: Exception) -> None:
        receiver = "upstream" if self._side == "client" else "client"
        text = (
            f"{counted(len(data), 'byte')} did not reach the {receiver}: the stream callback of "
            f"another addon raised {type(error).__name__}: {error}"
        )
        self._send(RecorderNote(self._exchange, self._now(), text))
