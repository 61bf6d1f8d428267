"""A replay server in a thread of its own, with an event loop of its own.

Only that thread may use the server and its controls. Another thread hands over what is to be done
there, and waits for the result.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any

from ...cassettes.playback.playback import Playback
from ...proto.http.address import Address
from ..server.server import ReplayServer
from ..server.upstream_relay import ResolveUpstream
from ..streams.clock import Clock
from .controls import ReplayControls

EXPECTED_ERRORS = (TimeoutError, ValueError, LookupError, TypeError)
"""What the controls raise for their callers: a call that did not come, a wrong argument.

pytest shows the line of the test that called, and not the lines of the player's thread.
"""


class ServerThread:
    """Serves a playback from its construction, which waits until it listens, until `close`.

    `on_failure` gets the number of an exchange and why it could not be played. `on_end` gets the
    controls when the last responses were sent. Both are called in the thread.

    Raises OSError if the address cannot be listened on.
    """

    def __init__(
        self,
        playback: Playback,
        listen: Address,
        *,
        clock: Clock | None,
        on_failure: Callable[[int, Exception], None],
        on_end: Callable[[ReplayControls], None],
        resolve_upstream: ResolveUpstream | None,
    ) -> None:
        self._clock = clock
        self._on_failure = on_failure
        self._on_end = on_end
        self._resolve_upstream = resolve_upstream
        self._lock = threading.Lock()
        self._is_closed = False
        started = Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, ReplayControls, Address]]()
        self._thread = threading.Thread(
            target=self._run,
            args=(playback, listen, started),
            name="mesotape player",
            daemon=True,
        )
        self._thread.start()
        self._loop, self._stop_event, self.controls, self.address = started.result()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def close(self) -> None:
        """Stop the server, and wait until the thread has ended."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._loop.call_soon_threadsafe(self._stop_event.set)
        self._thread.join()

    def ask[T](self, query: Callable[[ReplayControls], T]) -> T:
        """Call `query` in the thread, or here if that has ended."""
        __tracebackhide__ = True
        with self._lock:
            is_closed = self._is_closed
        if is_closed:
            self._thread.join()
            return query(self.controls)

        async def call(controls: ReplayControls) -> T:
            return query(controls)

        return self.run_coroutine(call)

    def run_coroutine[T](self, begin: Callable[[ReplayControls], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine in the thread. Raises RuntimeError if the player is closed."""
        __tracebackhide__ = True
        try:
            return self.submit(begin).result()
        except CancelledError:
            raise RuntimeError("the player was closed during the call") from None

    def submit[T](self, begin: Callable[[ReplayControls], Coroutine[Any, Any, T]]) -> Future[T]:
        """Start a coroutine in the thread. Raises RuntimeError if the player is closed."""
        __tracebackhide__ = True
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the player is closed")
            return asyncio.run_coroutine_threadsafe(begin(self.controls), self._loop)

    def _run(self, playback: Playback, listen: Address, started: "Future[Any]") -> None:
        try:
            asyncio.run(self._serve(playback, listen, started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _serve(self, playback: Playback, listen: Address, started: "Future[Any]") -> None:
        server = ReplayServer(
            playback,
            clock=self._clock,
            on_failure=self._on_failure,
            resolve_upstream=self._resolve_upstream,
        )
        asyncio.get_running_loop().set_exception_handler(server.handle_loop_error)
        address = Address(*await server.start(*listen))
        stop_event = asyncio.Event()
        controls = ReplayControls(server)
        started.set_result((asyncio.get_running_loop(), stop_event, controls, address))
        try:
            await stop_event.wait()
            await server.drain()
            self._on_end(controls)
        finally:
            await server.stop()
