"""The player: a replay in a thread of its own, in the hands of a test.

    with Player("cassette.yaml", Options(pace=Stepped())) as player:
        client = connect(player.url)
        player.advance()
        player.await_call("ACCEPT")

Everything may be called from any thread but the player's own. What waits blocks the thread that
calls; in a coroutine, hand it to `asyncio.to_thread`.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
from msgspec.structs import replace

from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.matching.misses import Miss
from ...cassettes.playback.journal import RefusedRequest
from ...cassettes.playback.playback import Options, Playback
from ...cassettes.storage.reader import Cassette
from ..http.address import Address
from ..server.clock import Clock, ManualClock
from ..server.request_journal import Call
from ..server.server import ReplayServer
from ..server.stream_registry import StreamState
from ..server.upstream_relay import ResolveUpstream
from .controls import DEFAULT_TIMEOUT_SECONDS, ReplayControls, ReplayStatus
from .receipt import Receipt, build_receipt, describe_problems, digest_cassettes

LOOPBACK = Address("127.0.0.1", 0)

type CassetteSource = Path | str | Cassette


class Player:
    """Replays cassettes from when it is made until it is closed.

    `clock` is "manual" for one that stands still until `advance` moves it. What the cassettes do
    not answer goes `beyond`, if that is given (relay.py). Raises CassetteError or
    ValueError for a cassette that cannot be played, and OSError if it cannot listen.
    """

    def __init__(
        self,
        cassettes: CassetteSource | Sequence[CassetteSource],
        options: Options | None = None,
        *,
        listen: Address = LOOPBACK,
        clock: Clock | Literal["manual"] | None = None,
        resolve_upstream: ResolveUpstream | None = None,
    ) -> None:
        self._beyond = resolve_upstream
        self.failures: list[str] = []
        self._clock = ManualClock() if clock == "manual" else clock
        self._lock = threading.Lock()
        self._closed = False
        self._summed: tuple[list[str], Receipt] | None = None
        self._files = ExitStack()
        try:
            sources = [cassettes] if isinstance(cassettes, Path | str | Cassette) else cassettes
            opened = [self._opened(source) for source in sources]
            self._paths = [cassette.path for cassette in opened]
            playback = Playback(opened, options)
            begun = Future[
                tuple[asyncio.AbstractEventLoop, asyncio.Event, ReplayControls, Address]
            ]()
            self._thread = threading.Thread(
                target=self._run,
                args=(playback, listen, begun),
                name="mesotape player",
                daemon=True,
            )
            self._thread.start()
            self._loop, self._stopped, self._deck, self.address = begun.result()
        except BaseException:
            self._files.close()
            raise

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}"

    @property
    def playback(self) -> Playback:
        """What is played; it belongs to the player's thread until the player is closed."""
        return self._deck.server.playback

    # Displays.

    @property
    def calls(self) -> list[Call]:
        """The requests so far, as many of the latest as are kept."""
        return self._ask(lambda: self._deck.calls)

    @property
    def streams(self) -> list[StreamState]:
        """The streams, also those that are over."""
        return self._ask(lambda: self._deck.streams)

    @property
    def status(self) -> ReplayStatus:
        """Counts, and what is held."""
        return self._ask(lambda: self._deck.status)

    @property
    def misses(self) -> list[Miss]:
        """Requests that nothing recorded answers, as many of the first as are kept."""
        return self._ask(lambda: list(self.playback.journal.misses))

    @property
    def refusals(self) -> list[RefusedRequest]:
        """Requests that were refused as Mesos does, as many of the first as are kept."""
        return self._ask(lambda: list(self.playback.journal.refusals))

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that nobody has asked for."""
        return self._ask(lambda: self.playback.unused)

    @property
    def left_out(self) -> list[ExchangeRef]:
        """Mutating calls that nobody has made, though their party took part."""
        return self._ask(lambda: self.playback.left_out)

    @property
    def waiting(self) -> list[str]:
        """What is held, and what it waits for."""
        return self._ask(lambda: self._deck.waiting)

    @property
    def problems(self) -> list[str]:
        """What went wrong since the start, in words.

        Misses, refusals, failures, calls that were left out, and faults that never struck.
        """
        return self._sum()[0]

    @property
    def strikes(self) -> list[str]:
        """What faults did since the start, in words, as many of the first as are kept."""
        return self._sum()[1].strikes

    def receipt(self) -> dict[str, Any]:
        """What was played since the start, and what was not (receipt.py), for programs."""
        summed = replace(
            self._sum()[1], cassettes=digest_cassettes(self._paths), ended=self._closed
        )
        return msgspec.to_builtins(summed)

    def await_call(
        self,
        call: str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        **fields: Any,
    ) -> Call:
        """Wait for a call of a type, and with these fields, like `client` or `path`.

        Each is given once, also one that came before. Raises TimeoutError with what came and
        what is held.
        """
        return self._do(lambda: self._deck.await_call(call, timeout_seconds, **fields))

    def await_events(
        self,
        count: int,
        of: int | str | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> int:
        """Wait until so many events went out, of all streams, of one by its number, or of a call's.

        Gives how many did. Raises TimeoutError with what is held.
        """
        return self._do(lambda: self._deck.await_events(count, of, timeout_seconds))

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

        Gives how many were written. Raises TimeoutError with what the next one waits for, if none
        went out for so long, and ValueError for what makes no sense at this pace.
        """
        return self._do(
            lambda: self._deck.advance(
                events, seconds=seconds, until=until, timeout_seconds=timeout_seconds
            )
        )

    def hold(self, stream: int | None = None) -> None:
        """Stop a stream, or all and those to come. Raises LookupError if it is not open."""
        self._ask(lambda: self._deck.hold(stream))

    def release(self, stream: int | None = None) -> None:
        """Go on with a stream, or with all. Raises LookupError if it is not open."""
        self._ask(lambda: self._deck.release(stream))

    def reset(self) -> None:
        """Begin anew, as if nobody had asked for anything yet; open streams are cut."""
        self._do(self._deck.reset)

    def close(self) -> None:
        """Stop, and wait until all is gone. What was seen can still be asked for."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread.

    def _opened(self, source: CassetteSource) -> Cassette:
        if isinstance(source, Cassette):
            return source
        return self._files.enter_context(Cassette.open(source))

    def _run(self, playback: Playback, listen: Address, begun: "Future[Any]") -> None:
        try:
            asyncio.run(self._serve(playback, listen, begun))
        except BaseException as error:
            if begun.done():
                raise
            begun.set_exception(error)

    async def _serve(self, playback: Playback, listen: Address, begun: "Future[Any]") -> None:
        server = ReplayServer(
            playback, clock=self._clock, on_failure=self._fail, resolve_upstream=self._beyond
        )
        host, port = await server.start(*listen)
        stopped = asyncio.Event()
        begun.set_result(
            (asyncio.get_running_loop(), stopped, ReplayControls(server), Address(host, port))
        )
        try:
            await stopped.wait()
            await server.drain()
            self._summed = self._look()
        finally:
            await server.stop()

    def _fail(self, exchange: int, error: Exception) -> None:
        self.failures.append(f"exchange {exchange}: {error}" if exchange else str(error))

    def _sum(self) -> tuple[list[str], Receipt]:
        """Sum up, as it is now or was at the end."""
        return self._ask(lambda: self._summed or self._look())

    def _look(self) -> tuple[list[str], Receipt]:
        server, failures = self._deck.server, self.failures
        summed = build_receipt(server, [], held=self._deck.waiting, failures=failures)
        return describe_problems(server, failures), summed

    def _ask[T](self, look: Callable[[], T]) -> T:
        """Do something in the thread, or here if that is over."""
        with self._lock:
            closed = self._closed
        if closed:
            self._thread.join()
            return look()

        async def ask() -> T:
            return look()

        return self._do(ask)

    def _do[T](self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine in the thread, to its end."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the player is closed")
            future = asyncio.run_coroutine_threadsafe(begin(), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError("the player was closed meanwhile") from None
