"""A player: a replay in a thread of its own, for a test or another program.

    with Player("cassette.yaml", Options(pace=Stepped())) as player:
        client = connect(player.url)
        player.advance()
        player.await_call("ACCEPT")

All members may be used from any thread but the player's own. Those that wait block the calling
thread; for a coroutine, `player.aio` has the same.
"""

import warnings
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Literal, Self

import msgspec
from msgspec.structs import replace

from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.matching.advice import PLAYER, Audience
from ...cassettes.matching.misses import Miss
from ...cassettes.playback.journal import RefusedRequest
from ...cassettes.playback.playback import Options, Playback
from ...cassettes.playback.requirement import parse_requirement
from ...cassettes.storage.reader import Cassette
from ...cassettes.validation.judge import (
    check_for_playing,
    describe_warnings,
    open_for_playing,
)
from ...proto.http.address import LOOPBACK, Address
from ..server.error_answers import describe_failure
from ..server.request_journal import Call
from ..server.upstream_relay import ResolveUpstream
from ..streams.clock import Clock, ManualClock
from ..streams.stream_registry import StreamState
from .async_controls import AsyncControls
from .controls import ReplayControls, ReplayStatus
from .receipt import Receipt, build_receipt, digest_cassettes
from .server_thread import EXPECTED_ERRORS, ServerThread
from .verdict import Problem, ReplayError, judge

type CassetteSource = Path | str | Cassette


def _in_thread[**P, T](
    method: Callable[Concatenate[ReplayControls, P], T],
) -> Callable[Concatenate["Player", P], T]:
    """Return a method of `Player` that calls one of its controls in the player's thread."""

    @wraps(method, assigned=("__name__", "__doc__"))
    def call(player: "Player", *args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        try:
            return player._thread.ask(lambda controls: method(controls, *args, **kwargs))  # pyright: ignore[reportPrivateUsage]
        except EXPECTED_ERRORS as error:
            raise error.with_traceback(None) from None

    return call


def _blocking[**P, T](
    method: Callable[Concatenate[ReplayControls, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["Player", P], T]:
    """Return a method of `Player` that waits for a coroutine of its controls."""

    @wraps(method, assigned=("__name__", "__doc__"))
    def call(player: "Player", *args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        try:
            return player._thread.run_coroutine(lambda controls: method(controls, *args, **kwargs))  # pyright: ignore[reportPrivateUsage]
        except EXPECTED_ERRORS as error:
            raise error.with_traceback(None) from None

    return call


class Player:
    """Replays cassettes from its construction until `close`.

    At the end of a `with` block, a ReplayError reports the problems: requests without a recorded
    answer, and all else for which the command has an exit code. `require` says which recorded
    exchanges must have been used (cassettes/playback/requirement.py). If `strict` is false or the
    block raised another exception, nothing is reported. After `close`, `check` does the same.

    With `clock="manual"`, time stands still until `advance` moves it. Requests without a recorded
    response are forwarded to the result of `resolve_upstream`, if it is given
    (server/upstream_relay.py); then only failures are problems. Advice is written for `audience`
    (cassettes/matching/advice.py).

    Raises CassetteError or ValueError for a cassette that cannot be played or lacks a required
    call, and OSError if the address cannot be listened on. What `mesotape validate` finds in a
    cassette that can be played is a UserWarning.
    """

    def __init__(
        self,
        cassettes: CassetteSource | Sequence[CassetteSource],
        options: Options | None = None,
        *,
        require: str | Sequence[str] = "any",
        strict: bool = True,
        listen: Address = LOOPBACK,
        clock: Clock | Literal["manual"] | None = None,
        resolve_upstream: ResolveUpstream | None = None,
        audience: Audience = PLAYER,
    ) -> None:
        self.failures: list[str] = []
        self.strict = strict
        self._requirement = parse_requirement(require)
        self._result: tuple[list[Problem], Receipt] | None = None
        self._files = ExitStack()
        try:
            sources = [cassettes] if isinstance(cassettes, Path | str | Cassette) else cassettes
            opened = [self._open(source) for source in sources]
            self._cassettes = opened
            playback = Playback(opened, options, audience=audience)
            self._requirement.check(playback)
            self._thread = ServerThread(
                playback,
                listen,
                clock=ManualClock() if clock == "manual" else clock,
                on_failure=self._record_failure,
                on_end=self._record_result,
                resolve_upstream=resolve_upstream,
            )
            self.address = self._thread.address
        except BaseException:
            self._files.close()
            raise

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://{self.address}"

    @property
    def playback(self) -> Playback:
        """The playback. Only the player's thread may use it until the player is closed."""
        return self._thread.controls.playback

    # Queries. After `close`, they return the state at the end.

    @property
    def calls(self) -> list[Call]:
        """The latest requests, at most 10,000."""
        return self._thread.ask(lambda controls: controls.calls)

    @property
    def streams(self) -> list[StreamState]:
        """The open streams, and the latest 1000 that have ended."""
        return self._thread.ask(lambda controls: controls.streams)

    @property
    def status(self) -> ReplayStatus:
        """Counts, the position, and what is held."""
        return self._thread.ask(lambda controls: controls.status)

    @property
    def waiting(self) -> list[str]:
        """The streams and responses that are held, and what each waits for."""
        return self._thread.ask(lambda controls: controls.waiting)

    @property
    def misses(self) -> list[Miss]:
        """The first requests without a recorded response."""
        return self._thread.ask(lambda controls: list(controls.playback.journal.misses))

    @property
    def refusals(self) -> list[RefusedRequest]:
        """The first requests that were refused as Mesos does."""
        return self._thread.ask(lambda controls: list(controls.playback.journal.refusals))

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were not requested."""
        return self._thread.ask(lambda controls: controls.playback.unused)

    @property
    def left_out(self) -> list[ExchangeRef]:
        """Mutating calls that were not made although their party took part."""
        return self._thread.ask(lambda controls: controls.playback.left_out)

    @property
    def problems(self) -> list[str]:
        """Messages for all problems since the start.

        Misses, refusals, failures, calls that were left out, and faults that never fired; after
        `close` also required exchanges that were not used.
        """
        problems = self._summarize()[0]
        return [each.text for each in problems if each.kind != "unmet" or self._thread.is_closed]

    @property
    def request_problems(self) -> list[str]:
        """Messages for misses, refusals and failures since the start, without what was left out."""
        problems = self._summarize()[0]
        return [each.text for each in problems if each.kind in ("failed", "missed")]

    @property
    def strikes(self) -> list[str]:
        """Messages for the first faults that fired since the start."""
        return self._summarize()[1].strikes

    def receipt(self) -> dict[str, Any]:
        """Return the receipt since the start, in the form that receipt.py shows."""
        receipt = replace(
            self._summarize()[1],
            cassettes=digest_cassettes(self._cassettes),
            ended=self._thread.is_closed,
        )
        return msgspec.to_builtins(receipt)

    @property
    def aio(self) -> AsyncControls:
        """The methods that wait, as coroutines for asyncio and trio."""
        return AsyncControls(self._thread)

    await_call = _blocking(ReplayControls.await_call)
    await_events = _blocking(ReplayControls.await_events)

    # Actions.

    advance = _blocking(ReplayControls.advance)
    hold = _in_thread(ReplayControls.hold)
    release = _in_thread(ReplayControls.release)
    reset = _blocking(ReplayControls.reset)

    def close(self) -> None:
        """Stop the server, and wait until its thread has ended."""
        if not self._thread.is_closed:
            self._thread.close()
            self._files.close()

    def check(self) -> None:
        """Raise ReplayError if there are problems; its text has them, and what is held."""
        __tracebackhide__ = True
        if problems := self.problems:
            held = (f"held: {reason}" for reason in self._summarize()[1].held)
            raise ReplayError("\n".join([*problems, *held]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        __tracebackhide__ = True
        self.close()
        if self.strict and kind is None:
            self.check()

    def _open(self, source: CassetteSource) -> Cassette:
        if isinstance(source, Cassette):
            cassette, findings = source, check_for_playing(source)
        else:
            cassette, findings = open_for_playing(source)
            self._files.enter_context(cassette)
        for text in describe_warnings(cassette.path, findings):
            warnings.warn(text, stacklevel=3)
        return cassette

    def _record_failure(self, exchange: int, error: Exception) -> None:
        self.failures.append(describe_failure(exchange, error))

    def _record_result(self, controls: ReplayControls) -> None:
        self._result = self._summarize_now(controls)

    def _summarize(self) -> tuple[list[Problem], Receipt]:
        """Return the problems and the receipt, as they are now or were at the end."""
        return self._thread.ask(lambda controls: self._result or self._summarize_now(controls))

    def _summarize_now(self, controls: ReplayControls) -> tuple[list[Problem], Receipt]:
        responder, failures, requirement = (
            controls.server.responder,
            self.failures,
            self._requirement,
        )
        held = controls.waiting
        receipt = build_receipt(responder, [], requirement, held=held, failures=failures)
        return judge(responder, failures, requirement, self.url), receipt
