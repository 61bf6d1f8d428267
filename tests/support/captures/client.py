"""The client's side of a capture: sends its bytes in the recorded order, collects the answers."""

import asyncio
import functools
from collections.abc import Collection
from typing import cast

from .capture import Capture, Conversation, Exchange, Line
from .http1 import Message
from .order import Key, Step, Want, steps
from .waiting import Signal, Stuck, reset


class Connected(asyncio.Protocol):
    """A connection of the client and what was said on it."""

    transport: asyncio.Transport

    def __init__(self, number: int, signal: Signal) -> None:
        self.conversation = Conversation(number)
        self.signal = signal

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.conversation.say("server", data, self.signal.seconds())
            self.signal.changed()

    def eof_received(self) -> bool:
        self._ended("eof")
        return True  # the capture says when the client closes

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended("eof" if exc is None else "reset")

    def _ended(self, how: str) -> None:
        self.conversation.end("server", how)
        self.signal.changed()

    def send(self, line: Line) -> None:
        if line.end:
            self.conversation.end("client", line.end)
            self._close(line.end)
        else:
            self.conversation.say("client", line.data, self.signal.seconds())
            if not self.transport.is_closing():
                self.transport.write(line.data)

    @property
    def is_speaking(self) -> bool:
        """Whether the body of a request is still to be sent, and the client has not left."""
        messages = self.conversation.requests.messages
        if not messages or self.conversation.ends:
            return False
        last = messages[-1]
        return last.framing == "length" and not (last.complete or last.broken)

    def _close(self, how: str) -> None:
        if how == "reset" and not self.transport.is_closing():
            reset(self.transport)
        else:
            self.transport.close()

    def has(self, want: Want) -> bool:
        """Return whether a want is met, or can no longer be."""
        if self.conversation.ends:
            return True
        if want.what == "end":
            return self.conversation.in_flight() is None
        message = self._message(want)
        return message is not None and (message.complete or want.met_by(message))

    def _message(self, want: Want) -> Message | None:
        messages = self.conversation.responses.messages
        index = want.key[1]
        return messages[index] if index < len(messages) else None

    def describe(self, want: Want) -> str:
        message = self._message(want)
        got = f"{message.line!r}, {len(message.body)} bytes" if message else "nothing"
        return f"{want} (so far: {got})"


class Player:
    """Goes through a capture as its client. Lives inside one event loop."""

    def __init__(self, address: tuple[str, int], never: Collection[Key], deadline: float) -> None:
        self.address = address
        self.never = never
        self.signal = Signal(deadline)
        self.connections: dict[int, Connected] = {}

    async def play(self, capture: Capture) -> tuple[Exchange, ...]:
        due = list[tuple[int, Step]]()
        told = steps(capture)
        for number, step in enumerate(told, 1):
            if step.line.side == "server":
                due.append((number, step))
            else:
                await self._send(step.line)
            following = (each.line for each in told[number:] if each.line.side == "client")
            if not self._goes_on_speaking(next(following, None)):
                await self._await_all(capture, due)
        return tuple(
            each
            for _, connection in sorted(self.connections.items())
            for each in connection.conversation.exchanges()
        )

    def _goes_on_speaking(self, following: Line | None) -> bool:
        """Whether the next thing that the client does is to end a request that it has begun.

        Who sends a head and its body apart does not listen elsewhere between them.
        """
        if following is None:
            return False
        connection = self.connections.get(following.connection)
        return connection is not None and connection.is_speaking and not following.end

    async def _await_all(self, capture: Capture, due: list[tuple[int, Step]]) -> None:
        for number, step in due:
            try:
                await self._await(step)
            except Stuck as error:
                raise Stuck(f"{capture.name}, line {number}: at the client, {error}") from None
        due.clear()

    async def close(self) -> None:
        for connection in self.connections.values():
            connection.transport.abort()
        await asyncio.sleep(0)  # the loop closes them in its next turn

    async def _send(self, line: Line) -> None:
        if line.connection not in self.connections:
            (
                _,
                self.connections[line.connection],
            ) = await asyncio.get_running_loop().create_connection(
                lambda: Connected(line.connection, self.signal), *self.address
            )
        self.connections[line.connection].send(line)

    async def _await(self, step: Step) -> None:
        connection = self.connections[step.line.connection]
        for want in step.wants:
            if want.key not in self.never:
                has = functools.partial(connection.has, want)
                await self.signal.until(has, functools.partial(connection.describe, want))


def run_client(
    capture: Capture,
    address: tuple[str, int],
    *,
    never: Collection[Key] = (),
    deadline_seconds: float = 10.0,
) -> tuple[Exchange, ...]:
    """Play the client of a capture; return what came back, to compare with expected(capture).

    never: the exchanges whose answers are not waited for, because a proxy withholds them.
    deadline_seconds: for each wait for what the server sent. Raises Stuck if it did not come.
    """

    async def play() -> tuple[Exchange, ...]:
        player = Player(address, never, deadline_seconds)
        try:
            return await player.play(capture)
        finally:
            await player.close()

    return asyncio.run(play())
