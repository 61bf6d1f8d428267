"""A small scheduler that waits before each call, and the calls of a captured one for it to repeat.

It makes a call when it has seen as many events as the captured one had, and then thought. So its
log is that of the captured one, unless an event comes before a call that it came after.
"""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from support.captures import Capture, expected
from support.captures.capture import Conversation

PATIENCE_SECONDS = 60.0


class Call(NamedTuple):
    """A captured call: its body, to be sent after `seen` events, and whether it was answered."""

    seen: int
    sent: bytes
    name: str
    is_answered: bool


class Life(NamedTuple):
    """What a scheduler did: its subscription, its calls, and the log of both."""

    subscription: bytes
    calls: list[Call]
    log: list[str]


def life(capture: Capture, stream: int, calls: int) -> Life:
    """Read what the scheduler did whose stream and calls were on these connections.

    A call was made when its head was sent; its body may have come later.
    """
    on_them = (each for each in expected(capture) if each.connection == calls)
    made = [each for each in on_them if each.request.complete]
    names = [_name(each.request.raw_body) for each in made]
    said = {stream: Conversation(stream), calls: Conversation(calls)}
    seen: list[int] = []
    log: list[str] = []
    for line in capture.lines:
        if line.connection not in said or line.end:
            continue
        said[line.connection].say(line.side, line.data, line.at_seconds)
        records = [r for answer in said[stream].messages("server") for r in answer.records]
        log += [_name(record) for record in records[len(log) - len(seen) :]]
        for name in names[len(seen) : len(said[calls].messages("client"))]:
            seen.append(len(records))
            log.append(name)
    (subscription,) = said[stream].messages("client")
    told = [
        Call(count, each.request.raw, name, each.response is not None)
        for count, each, name in zip(seen, made, names, strict=True)
    ]
    return Life(bytes(subscription.raw), told, log)


class Scheduler:
    """Repeats the calls. Its `log` has the events that it saw and its calls, in order."""

    def __init__(self, what: Life, think: Callable[[], Awaitable[object]]) -> None:
        self.log: list[str] = []
        self._life = what
        self._think = think
        self._seen = 0
        self._more = asyncio.Event()

    async def live(self, host: str, port: int) -> None:
        """Run to the end. Raises TimeoutError if an event or answer does not come."""
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            _connected(host, port) as (events, subscription),
            _connected(host, port) as (answers, calls),
        ):
            subscription.write(self._life.subscription)
            head = await events.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 "), head
            watching = asyncio.create_task(self._watch(events))
            try:
                for call in self._life.calls:
                    await self._until(call.seen)
                    await self._think()
                    self.log.append(call.name)
                    calls.write(call.sent)
                    await _taken(answers, call)
                await self._until(len(self._life.log) - len(self._life.calls))
            finally:
                watching.cancel()

    async def _watch(self, events: asyncio.StreamReader) -> None:
        while size := int(await events.readline(), 16):
            record = (await events.readexactly(size + 2))[:-2]
            self.log.append(_name(record.partition(b"\n")[2]))
            self._seen += 1
            self._more.set()

    async def _until(self, seen: int) -> None:
        while self._seen < seen:
            await self._more.wait()
            self._more.clear()


@contextlib.asynccontextmanager
async def _connected(host: str, port: int):
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _taken(answers: asyncio.StreamReader, call: Call) -> None:
    if not call.is_answered:
        return
    head = await answers.readuntil(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 202 ", b"HTTP/1.1 200 ")), head


def _name(message: bytes) -> str:
    """Format a message for the log: its type in JSON, and its number."""
    kind = json.loads(message)["type"] if message.startswith(b"{") else "protobuf"
    return f"{kind} {hashlib.sha256(message).hexdigest()[:8]}"
