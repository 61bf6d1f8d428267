"""The session: the value of the fixture `mesotape`, a replay or a recording."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...proto.counted import counted
from ...proto.http.address import ServerUrl
from ...proto.shown_text import escape_message
from ..control.condition import DEFAULT_TIMEOUT_SECONDS
from ..http.proxy_variables import direct_variables

if TYPE_CHECKING:
    from ...cassettes.format.exchange_ref import ExchangeRef
    from ...cassettes.matching.misses import Miss
    from ..control.async_controls import AsyncControls
    from ..control.player import Player
    from ..recorder.recorder_process import LazyRecorder, RecorderProcess
    from ..server.request_journal import Call
    from ..streams.stream_registry import StreamState
    from .blocked_network import NetworkBlock

_MAX_SHOWN = 20
"""Streams, and fault hits, shown in the failure of a test."""


class Session:
    """A server at `url` for the clients of one test.

    A replay has a `player`, to which most members forward. A recording has none: these members
    raise RuntimeError.
    """

    def __init__(
        self,
        cassettes: Sequence[Path],
        *,
        player: "Player | None" = None,
        recorder: "RecorderProcess | LazyRecorder | None" = None,
        strict: bool = True,
        network_block: "NetworkBlock | None" = None,
    ) -> None:
        self.cassettes = list(cassettes)
        self.strict = strict
        self._player = player
        self._recorder = recorder
        self.network_block = network_block

    def __repr__(self) -> str:
        action = "records" if self._player is None else "plays"
        return f"<mesotape {action} {', '.join(map(str, self.cassettes))} on {self.url}>"

    @property
    def url(self) -> str:
        """The URL of the server, like `http://127.0.0.1:41485`."""
        if self._player is not None:
            return self._player.url
        assert self._recorder is not None
        return f"http://{self._recorder.address}"

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of `url`."""
        return ServerUrl.parse(self.url).address

    @property
    def env(self) -> dict[str, str]:
        """The environment of a client process: this one, with `variables`."""
        return os.environ | self.variables

    @property
    def variables(self) -> dict[str, str]:
        """`MESOTAPE_URL`, and `NO_PROXY` in both spellings, extended by the host of the server."""
        return direct_variables(os.environ, [self.url]) | {"MESOTAPE_URL": self.url}

    @property
    def recording(self) -> bool:
        """True if this test records from a real server."""
        return self._player is None

    @property
    def player(self) -> "Player":
        """The player. Raises RuntimeError while recording."""
        __tracebackhide__ = True
        if self._player is None:
            raise RuntimeError(
                "this test is recording, so there is no replay to control; check mesotape.recording"
            )
        return self._player

    # State.

    @property
    def calls(self) -> "list[Call]":
        """The requests so far."""
        __tracebackhide__ = True
        return self.player.calls

    @property
    def streams(self) -> "list[StreamState]":
        """The streams, including those that have ended."""
        __tracebackhide__ = True
        return self.player.streams

    @property
    def misses(self) -> "list[Miss]":
        """Requests without a recorded answer."""
        __tracebackhide__ = True
        return self.player.misses

    @property
    def strikes(self) -> list[str]:
        """Descriptions of fault hits."""
        __tracebackhide__ = True
        return self.player.strikes

    @property
    def unused(self) -> "list[ExchangeRef]":
        """Exchanges that no request has used."""
        __tracebackhide__ = True
        return self.player.unused

    @property
    def left_out(self) -> "list[ExchangeRef]":
        """Mutating calls that were not made, though their party took part."""
        __tracebackhide__ = True
        return self.player.left_out

    @property
    def waiting(self) -> list[str]:
        """Descriptions of what is held, and of what it waits for."""
        __tracebackhide__ = True
        return self.player.waiting

    @property
    def aio(self) -> "AsyncControls":
        """The methods that wait, as coroutines for asyncio and trio."""
        __tracebackhide__ = True
        return self.player.aio

    def await_call(
        self,
        call: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        **fields: Any,
    ) -> "Call":
        """Wait for a call of this type, with these `fields`, like `client` or `path`.

        Each call is returned once, including calls made before. Raises TimeoutError, which lists
        the calls made and what is held.
        """
        __tracebackhide__ = True
        return self.player.await_call(call, timeout_seconds, **fields)

    def await_events(
        self,
        count: int,
        of: int | str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Wait until `count` events have been sent, and return how many have.

        `of` is the number of a stream or the type of its call; None counts all streams. Raises
        TimeoutError, which lists what is held.
        """
        __tracebackhide__ = True
        return self.player.await_events(count, of, timeout_seconds)

    # Control.

    def advance(
        self,
        events: int | None = None,
        *,
        seconds: float | None = None,
        until: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Release the next `events` at pace `step`, or let `seconds` pass on a manual clock.

        `until` is the type of the last event to release. Returns how many were sent. Raises
        TimeoutError, which names what the next event waits for.
        """
        __tracebackhide__ = True
        return self.player.advance(
            events, seconds=seconds, until=until, timeout_seconds=timeout_seconds
        )

    def hold(self, stream: int | None = None) -> None:
        """Hold a stream, or all, including new ones. Raises LookupError if it is not open."""
        __tracebackhide__ = True
        self.player.hold(stream)

    def release(self, stream: int | None = None) -> None:
        """Release a stream, or all. Raises LookupError if it is not open."""
        __tracebackhide__ = True
        self.player.release(stream)

    def reset(self) -> None:
        """Reset the replay to its start; open streams are cut."""
        __tracebackhide__ = True
        self.player.reset()

    def receipt(self) -> dict[str, Any]:
        """Return the receipt so far, as `mesotape replay --receipt` writes it."""
        __tracebackhide__ = True
        return self.player.receipt()

    # Called by the plugin.

    def request_problems(self) -> list[str]:
        """Return the problems of single requests so far, if `strict`."""
        if not self.strict:
            return []
        problems = [] if self._player is None else self._player.request_problems
        return list(map(escape_message, [*self._blocked(), *problems]))

    def report(self) -> str:
        """Return problems, streams and fault hits, one per line; empty if there are none."""
        notes = [self.failure_note]
        if self._player is None:
            return escape_message("\n".join([*self._blocked(), *notes]))
        held = (f"held: {reason}" for reason in self._player.waiting)
        streams = [str(state) for state in self._player.streams if state.held_by is None]
        lines = [
            *self._problems(),
            *held,
            *_shown(streams, "stream"),
            *_shown(self._player.strikes, "fault hit"),
            *filter(None, notes),
        ]
        return escape_message("\n".join(lines))

    @property
    def failure_note(self) -> str:
        """Where the recording of a failed test is; empty if there is none."""
        return "" if self._recorder is None else escape_message(self._recorder.failure_note)

    @property
    def recorder_warnings(self) -> list[str]:
        """What the recorder has reported, each with the upstream."""
        if self._recorder is None:
            return []
        return [f"recording {self._recorder.upstream}: {each}" for each in self._recorder.warnings]

    def close(self, *, passed: bool) -> str:
        """Close the server. Return the problems if `strict`, one per line.

        A recording replaces the cassette if the test `passed`. Raises RecordingError.
        """
        held = [] if self._player is None else self._player.waiting
        if self._player is not None:
            self._player.close()  # After it has handled what clients have sent.
        problems = self._problems() if self.strict else []
        if self._recorder is not None and passed and not problems:
            self._recorder.commit()
        elif self._recorder is not None:
            self._recorder.rollback()
        if not problems:
            return ""
        return escape_message("\n".join([*problems, *(f"held: {reason}" for reason in held)]))

    def _problems(self) -> list[str]:
        problems = [] if self._player is None else self._player.problems
        return [*self._blocked(), *problems]

    def _blocked(self) -> list[str]:
        return [] if self.network_block is None else self.network_block.blocked


def _shown(lines: list[str], noun: str) -> list[str]:
    omitted = len(lines) - _MAX_SHOWN
    more = [f"and {counted(omitted, f'more {noun}')}"] if omitted > 0 else []
    return lines[:_MAX_SHOWN] + more
