"""The session: what a test gets from the fixture `mesotape`, a replay or a recording."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...cassettes.format.exchange_ref import ExchangeRef
    from ...cassettes.matching.misses import Miss
    from ..control.player import Player
    from ..server.request_journal import Call
    from ..server.stream_registry import StreamState
    from .recorder_process import LazyRecorder, RecorderProcess

DEFAULT_TIMEOUT_SECONDS = 10.0

_TOLD = 20
"""Strikes of faults that the failure of a test shows."""


class Session:
    """A server at `url` for the clients of one test, and the cassettes behind it.

    A replay has a `player`, and what is asked for here is asked of it; a recording has none, and
    refuses with a RuntimeError.
    """

    def __init__(
        self,
        cassettes: Sequence[Path],
        *,
        player: "Player | None" = None,
        recorder: "RecorderProcess | LazyRecorder | None" = None,
        strict: bool = True,
    ) -> None:
        self.cassettes = list(cassettes)
        self.strict = strict
        self._player = player
        self._recorder = recorder

    def __repr__(self) -> str:
        does = "records" if self._player is None else "plays"
        return f"<mesotape {does} {', '.join(map(str, self.cassettes))} on {self.url}>"

    @property
    def url(self) -> str:
        """Where clients go, like `http://127.0.0.1:41485`."""
        if self._player is not None:
            return self._player.url
        assert self._recorder is not None
        return f"http://{self._recorder.address}"

    @property
    def address(self) -> tuple[str, int]:
        """The same as host and port."""
        host, _, port = self.url.rpartition("//")[2].rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def env(self) -> dict[str, str]:
        """The environment for a client that is a process of its own: `MESOTAPE_URL` is set."""
        return os.environ | {"MESOTAPE_URL": self.url}

    @property
    def recording(self) -> bool:
        """Whether this test records, from a real server."""
        return self._player is None

    @property
    def player(self) -> "Player":
        """What plays."""
        if self._player is None:
            raise RuntimeError(
                "this test records now, so there is nothing to step or to ask about; "
                "see mesotape.recording"
            )
        return self._player

    # Displays.

    @property
    def calls(self) -> "list[Call]":
        """The requests so far."""
        return self.player.calls

    @property
    def streams(self) -> "list[StreamState]":
        """The streams, also those that are over."""
        return self.player.streams

    @property
    def misses(self) -> "list[Miss]":
        """Requests that nothing recorded answers."""
        return self.player.misses

    @property
    def strikes(self) -> list[str]:
        """What faults did, in words."""
        return self.player.strikes

    @property
    def unused(self) -> "list[ExchangeRef]":
        """Exchanges that nobody has asked for."""
        return self.player.unused

    @property
    def left_out(self) -> "list[ExchangeRef]":
        """Mutating calls that nobody has made, though their party took part."""
        return self.player.left_out

    @property
    def waiting(self) -> list[str]:
        """What is held, and what it waits for."""
        return self.player.waiting

    def await_call(
        self,
        call: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        **fields: Any,
    ) -> "Call":
        """Wait for a call of a type, and with these fields, like `client` or `path`.

        Each is given once, also one that came before. Raises TimeoutError with what came and
        what is held.
        """
        return self.player.await_call(call, timeout_seconds, **fields)

    def await_events(
        self,
        count: int,
        of: int | str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Wait until so many events went out, of all streams, of one by its number, or of a call's.

        Gives how many did. Raises TimeoutError with what is held.
        """
        return self.player.await_events(count, of, timeout_seconds)

    # Buttons.

    def advance(
        self,
        events: int | None = None,
        *,
        seconds: float | None = None,
        until: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Let the next events go out, at pace `step`, or `seconds` pass on a manual clock.

        Gives how many were written. Raises TimeoutError with what the next one waits for.
        """
        return self.player.advance(
            events, seconds=seconds, until=until, timeout_seconds=timeout_seconds
        )

    def hold(self, stream: int | None = None) -> None:
        """Stop a stream, or all and those to come. Raises LookupError if it is not open."""
        self.player.hold(stream)

    def release(self, stream: int | None = None) -> None:
        """Go on with a stream, or with all. Raises LookupError if it is not open."""
        self.player.release(stream)

    def reset(self) -> None:
        """Begin anew, as if nobody had asked for anything yet; open streams are cut."""
        self.player.reset()

    def receipt(self) -> dict[str, Any]:
        """What was played so far, and what was not, as `mesotape replay --receipt` writes it."""
        return self.player.receipt()

    # What the plugin calls.

    def report(self) -> str:
        """Say what is wrong, what is held and which faults struck, or nothing."""
        fate = [] if self._recorder is None else [self._recorder.failure_note]
        if self._player is None:
            return "\n".join(fate)
        held = (f"held: {reason}" for reason in self._player.waiting)
        strikes = self._player.strikes
        more = [f"and {len(strikes) - _TOLD} more strikes"] if len(strikes) > _TOLD else []
        return "\n".join([*self._problems(), *held, *strikes[:_TOLD], *more, *filter(None, fate)])

    def close(self, *, passed: bool) -> str:
        """End; gives what is wrong, if it is to be. A recording becomes the cassette if all passed.

        Raises RecordError.
        """
        held = [] if self._player is None else self._player.waiting
        problems = self._stop_player()
        if self._recorder is not None and passed:
            self._recorder.commit()
        elif self._recorder is not None:
            self._recorder.rollback()
        if not problems or not self.strict:
            return ""
        return "\n".join([*problems, *(f"held: {reason}" for reason in held)])

    def _stop_player(self) -> list[str]:
        """Stop; what clients have sent still counts."""
        if self._player is None:
            return []
        self._player.close()
        return self._problems()

    def _problems(self) -> list[str]:
        """What the replay missed; nothing of it is missing if the recorder has it."""
        if self._player is None:
            return []
        return self._player.problems if self._recorder is None else self._player.failures
