"""The server's side of a capture: answers each request with its bytes, in the recorded order."""

import asyncio
import contextlib
import threading
from collections.abc import Collection
from concurrent.futures import Future
from types import TracebackType
from typing import NamedTuple, Self, cast

from .capture import Capture, Line, expected
from .http1 import Message, Parser
from .ledger import Ledger
from .order import Key, Step, Want, steps
from .waiting import Signal, Stuck, reset

UNKNOWN = b"HTTP/1.1 599 Not In The Capture\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Accepted(asyncio.Protocol):
    """A connection to the origin, with the recorded exchanges that its requests are."""

    transport: asyncio.Transport

    def __init__(self, stage: "Stage") -> None:
        self.stage = stage
        self.parser = Parser()
        self.claimed = 0
        self.began_with: int | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.stage.connections.append(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed(data, 0.0)
        self._claim(ended=False)

    def eof_received(self) -> bool:
        self.connection_lost(None)
        return True  # what the server sends after it is up to the capture

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._claim(ended=True)

    def _claim(self, *, ended: bool) -> None:
        for message in self.parser.messages[self.claimed :]:
            found = self.stage.ledger.claim(message, self.began_with, ended)
            if found is None:
                self._refuse(message)
                break
            self.claimed += 1
            self.began_with = found.connection
            at_seconds = self.stage.signal.seconds()
            self.stage.arrived[found.key] = Arrived(self, message, at_seconds)
            self.stage.begun[found.connection] = self
        self.stage.signal.changed()

    def _refuse(self, message: Message) -> None:
        if message.complete:
            self.claimed += 1
            self.stage.unknown.append(f"{message.line} {bytes(message.body[:200])!r}")
            self.transport.write(UNKNOWN)


class Arrived(NamedTuple):
    """The request of a recorded exchange, and on which connection it came."""

    connection: Accepted
    message: Message
    at_seconds: float


def _first_seconds(played: list[Step]) -> dict[Key, float]:
    """Return when each request began in the capture, in that order."""
    began: dict[Key, float] = {}
    for step in played:
        for key, _ in step.parts:
            began.setdefault(key, step.line.at_seconds)
    return began


class Stage:
    """What has arrived, and what is to be played next. Lives inside one event loop."""

    def __init__(
        self, capture: Capture, scale: float, never: Collection[Key], deadline: float
    ) -> None:
        self.steps = steps(capture)
        exchanges = {each.key: each for each in expected(capture)}
        self.requested_seconds = _first_seconds(self.steps)
        self.ledger = Ledger(exchanges[key] for key in self.requested_seconds if key not in never)
        self.scale = scale
        self.never = never
        self.signal = Signal(deadline)
        self.connections: list[Accepted] = []
        self.arrived: dict[Key, Arrived] = {}
        self.left: set[int] = set()  # the recorded connections that the client has ended
        self.begun: dict[int, Accepted] = {}
        self.unknown: list[str] = []

    async def play(self) -> None:
        """Go through the capture: wait for what the client sent, send what the server sent."""
        for step in self.steps:
            match step.line:
                case Line(side="client"):
                    await self._await(step)
                case Line(end=""):
                    await self._send(step)
                case _:
                    await self._end(step)

    async def _await(self, step: Step) -> None:
        if step.line.end:
            self.left.add(step.line.connection)
        for want in step.wants:
            if want.key not in self.never:
                await self._until(want)

    async def _until(self, want: Want) -> None:
        await self.signal.until(lambda: bool(self.unknown) or self._met(want), want.__str__)
        if self.unknown:
            raise LookupError(f"not in the capture: {', '.join(self.unknown)}")

    def _met(self, want: Want) -> bool:
        if want.key not in self.arrived:
            return False
        there = self.arrived[want.key]
        return there.connection.lost if want.what == "end" else want.met_by(there.message)

    async def _send(self, step: Step) -> None:
        for key, data in step.parts:
            if key not in self.never:
                await self._until(Want(key, "bytes"))
                await self._due(key, step.line)
                self.arrived[key].connection.transport.write(data)

    async def _due(self, key: Key, line: Line) -> None:
        if self.scale and key in self.arrived:
            after_seconds = (line.at_seconds - self.requested_seconds[key]) * self.scale
            due_seconds = self.arrived[key].at_seconds + after_seconds
            await asyncio.sleep(due_seconds - self.signal.seconds())

    async def _end(self, step: Step) -> None:
        connection = self.begun.get(step.line.connection)
        if connection is None or step.line.connection in self.left:
            return  # who left first must not be overtaken
        for want in step.wants:
            await self._due(want.key, step.line)
        if step.line.end == "reset":
            reset(connection.transport)
        else:
            connection.transport.close()


class Origin:
    """Plays the server of a capture, in a thread of its own, while the `with` block runs.

    scale: recorded times are multiplied with it; 0 is as fast as the order allows.
    never: the exchanges whose requests do not arrive, because something in between keeps them.
    deadline_seconds: for each wait for what the client sent.
    Leaving the block waits until all is played. It raises Stuck if something did not come, and
    LookupError if a request came that is not in the capture.
    """

    def __init__(
        self,
        capture: Capture,
        *,
        scale: float = 0.0,
        never: Collection[Key] = (),
        port: int = 0,
        deadline_seconds: float = 10.0,
    ) -> None:
        self.capture = capture
        self.address: tuple[str, int] = ("127.0.0.1", port)
        self.arrived: frozenset[Key] = frozenset()  # after the block: whose requests came
        self._stage = lambda: Stage(capture, scale, never, deadline_seconds)
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._played: Future[None] = Future()
        self._waits_for = ""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.result()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        error = self._played.exception() if exc is None else None
        loop, stop = self._started.result()
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()
        if exc is not None and self._waits_for:
            exc.add_note(f"The origin was waiting for {self._waits_for}.")
        if error is not None:
            raise error

    async def _serve(self) -> None:
        stage, stop = self._stage(), asyncio.Event()
        loop = asyncio.get_running_loop()
        host, port = self.address
        try:
            server = await loop.create_server(lambda: Accepted(stage), host, port)
        except OSError as error:
            self._started.set_exception(error)
            return
        self.address = server.sockets[0].getsockname()
        self._started.set_result((loop, stop))
        player = asyncio.create_task(self._play(stage))
        await stop.wait()
        self._waits_for = stage.signal.reason()
        self.arrived = frozenset(stage.arrived)
        player.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await player
        server.close()
        for connection in stage.connections:
            connection.transport.abort()
        await server.wait_closed()

    async def _play(self, stage: Stage) -> None:
        try:
            await stage.play()
        except (Stuck, LookupError) as error:
            error.add_note(f"This was at the origin of {self.capture.name}.")
            self._played.set_exception(error)
        else:
            self._played.set_result(None)
