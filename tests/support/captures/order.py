"""The order of a capture: what each side must have seen before it goes on.

The client sends a line when it has all that the lines of the server before it brought, on any
connection, and the server likewise. Both are counted in what a proxy keeps: requests, answers,
records and endings, not bytes.
"""

from typing import Literal

import msgspec

from .capture import Capture, Conversation, Line, Side, expected
from .http1 import Message

type What = Literal["head", "bytes", "records", "whole", "end"]
type Key = tuple[int, int]  # connection, index of the exchange on it


class Want(msgspec.Struct, frozen=True):
    """What must have arrived of a request (at the origin) or a response (at the client).

    head: its head. bytes, records: how much of its body. whole: all of it. end: of its connection.
    """

    key: Key
    what: What
    count: int = 0

    def __str__(self) -> str:
        connection, index = self.key
        amount = f"{self.count} {self.what}" if self.count else f"the {self.what}"
        return f"{amount} of exchange {index} on connection {connection}"

    def met_by(self, message: Message) -> bool:
        match self.what:
            case "head":
                return message.has_head
            case "bytes":
                return len(message.raw if message.broken else message.body) >= self.count
            case "records":
                return message.complete or len(message.records) >= self.count
            case "whole":
                return message.complete
            case "end":
                return False


class Step(msgspec.Struct, frozen=True):
    """A line, what the other side must get of it, and which bytes belong to which exchange."""

    line: Line
    wants: tuple[Want, ...]
    parts: tuple[tuple[Key, bytes], ...] = ()


def steps(capture: Capture) -> list[Step]:
    """Return the lines of a capture in order, with what each brings."""
    conversations = {line.connection: Conversation(line.connection) for line in capture.lines}
    # Nobody knows whether a request got through whose client left without an answer.
    left = {
        each.key for each in expected(capture) if each.end == "client" and each.response is None
    }
    found: list[Step] = []
    for line in capture.lines:
        conversation = conversations[line.connection]
        step = _ending(conversation, line) if line.end else _saying(conversation, line)
        wants = tuple(want for want in step.wants if want.key not in left)
        found.append(Step(line, wants, step.parts))
    return found


def _ending(conversation: Conversation, line: Line) -> Step:
    index = conversation.in_flight()
    conversation.end(line.side, line.end)
    if index is None:
        return Step(line, ())
    key = (conversation.connection, index)
    answering = len(conversation.responses.messages) > index
    if line.side == "server" or answering:
        return Step(line, (Want(key, "end"),))
    return Step(line, ())


def _saying(conversation: Conversation, line: Line) -> Step:
    # A pipelined request need not arrive: a proxy keeps it until the one before is answered.
    messages = conversation.messages(line.side)
    first = max(0, len(messages) - 1)  # all before it are complete
    before = len(messages[first].raw) if messages else 0
    conversation.say(line.side, line.data, line.at_seconds)
    wants: list[Want] = []
    parts: list[tuple[Key, bytes]] = []
    for index in range(first, len(messages)):
        key, message = (conversation.connection, index), messages[index]
        pipelined = line.side == "client" and index > conversation.answered
        if not pipelined and (want := _want(line.side, message)):
            wants.append(Want(key, *want))
        if data := bytes(message.raw[before:]):
            parts.append((key, data))
        before = 0
    return Step(line, tuple(wants), tuple(parts))


def _want(side: Side, message: Message) -> tuple[What, int] | None:
    match message:
        case Message(broken=str(reason)) if reason:
            return "bytes", len(message.raw)
        case Message(complete=True):
            return "whole", 0
        case Message(framing="chunked", records=[_, *_]) if side == "server":
            return "records", len(message.records)
        case Message(framing="chunked") if side == "client" and message.body:
            return "bytes", len(message.body)
        case Message(has_head=True) if side == "server":
            return "head", 0
        case _:
            return None
