"""The table `events`: one row for each record of a stream, in the order of the file.

The heads of a block of documents become columns at once, and only the columns that a query asks for
are made: a count needs no message to be decoded.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from msgspec import json

from ...proto.api import endpoints
from ...proto.api.apis import AGENT
from ..format.bodies import BodyError, encode_body, indented_body_encoder
from ..format.documents import CassetteError, DocumentError, Event
from ..format.fast_reader import EVENT_HEAD_PATTERN
from ..format.parsing import parse_document
from .messages import EventBody, EventMessage, Failure, Id, decode_members, id_value
from .source import Source

type Columns = dict[str, Sequence[Any]]
"""Values by the names of columns, all of one length."""

_MARK = "---"
_EVENT = re.compile(
    rf"{EVENT_HEAD_PATTERN.removeprefix(_MARK)}(?:chunks: (\[[^\n]*\])\n)?"
    r"(json|proto|text): \|-\n  (?=[^ \t\n])".encode()
)
EXCHANGE_START = b"\nexchange: "
_END = b"\n..."
_NAMED = ("type", "framework_id", "agent_id", "executor_id", "task_id", "offer_id", "state")
"""The columns that the message tells."""

_NOTHING = (None,) * len(_NAMED)


class EventRecord(NamedTuple):
    """An event: the fields of its head as text, and its body.

    `text` is what stands under json, proto or text, with its indentation. `event` is the document
    if it is not in the usual layout of the writer.
    """

    number: bytes | int
    of: bytes | int
    at: bytes | float
    side: bytes | str | None
    chunks: bytes | list[Any] | None
    form: bytes
    text: bytes
    event: Event | None = None

    @property
    def message(self) -> bytes:
        """What may be a message in JSON, with any white space; empty if it is none.

        JSON with unusual white space is in the cassette as text.
        """
        return self.text if self.form != b"text" or b"{" in self.text[:3] else b""


def read_events(documents: list[bytes]) -> list[EventRecord]:
    """Return the events among some documents. Wrong documents are left out."""
    match, found = _EVENT.match, list[EventRecord]()
    for document in documents:
        if head := match(document):
            text = document[head.end() - 2 : -len(_END)]
            if text.count(b"\n") == text.count(b"\n  "):
                found.append(EventRecord(*head.groups(), text=text))
                continue
        if (event := _parse_event(document)) is not None:
            found.append(event)
    return found


def _parse_event(document: bytes) -> EventRecord | None:
    """Parse an event that is not in the usual layout; None for another document, or a wrong one."""
    if document.startswith((EXCHANGE_START, b"\nend: ", b"\nnote: ", b"\nmesotape: ")):
        return None
    try:
        event = parse_document(b"---" + document + b"\n")
    except DocumentError:
        return None
    if not isinstance(event, Event):
        return None
    forms = {b"json": event.json, b"proto": event.proto, b"text": event.text}
    form, text = next(((key, body) for key, body in forms.items() if body is not None), (b"", ""))
    form = form or (b"base64" if event.base64 is not None else b"")
    return EventRecord(
        event.event, event.of, event.at, event.from_, event.chunks, form, text.encode(), event
    )


def event_rows(source: Source, names: Collection[str]) -> Iterator[Columns]:
    """Return the columns with some names, block by block. Raises CassetteError."""
    sizes = _Sizes(source)
    makers: dict[str, Callable[[list[EventRecord]], Sequence[Any]]] = {
        **_MAKERS,
        "size": lambda events: list(map(sizes.size, events)),
    }
    for documents in source.blocks():
        events = read_events(documents)
        if not events:
            continue
        columns: Columns = {name: make(events) for name, make in makers.items() if name in names}
        columns["exchange"] = [int(event.of) for event in events]
        if any(name in names for name in _NAMED):
            columns |= dict(zip(_NAMED, zip(*map(_named, events), strict=True), strict=True))
        yield columns


_MAKERS: dict[str, Callable[[list[EventRecord]], Sequence[Any]]] = {
    "number": lambda events: [int(event.number) for event in events],
    "at_seconds": lambda events: [float(event.at) for event in events],
    "side": lambda events: ["client" if event.side else "server" for event in events],
    "encoding": lambda events: [event.form.decode() or None for event in events],
    "chunks": lambda events: [_chunks(event.chunks) for event in events],
    "malformed": lambda events: [event.event and event.event.malformed for event in events],
    "message": lambda events: [compact_json(event.message) for event in events],
}


def _chunks(chunks: bytes | list[Any] | None) -> int:
    if chunks is None:
        return 1
    return chunks.count(b"], [") + 1 if isinstance(chunks, bytes) else len(chunks)


def compact_json(text: bytes) -> str | None:
    """Return JSON without white space; None if it is none."""
    try:
        return json.format(text, indent=-1).decode() if text else None
    except (ValueError, RecursionError):
        return None


def _named(event: EventRecord) -> tuple[str | None, ...]:
    """Return what an event names, in the order of `_NAMED`."""
    message = decode_members(event.message, EventMessage)
    if message is None or message.type is None:
        return _NOTHING
    body = getattr(message, message.type.lower(), None)
    match body:
        case EventBody():
            return message.type, *_ids(body)
        case Failure():
            ids = id_value(body.agent_id), id_value(body.executor_id)
            return message.type, None, *ids, None, None, None
        case _:
            return message.type, *_NOTHING[1:]


def _ids(body: EventBody) -> tuple[str | None, ...]:
    status, task = body.status, body.task
    framework_info = body.framework_info or (body.framework and body.framework.framework_info)
    agent_info = body.agent_info or (body.agent and body.agent.agent_info)
    framework: Id | None = body.framework_id or (framework_info and framework_info.id)
    agent: Id | None = body.agent_id or (agent_info and agent_info.id)
    executor: Id | None = body.executor_id or (
        body.executor_info and body.executor_info.executor_id
    )
    task_id, state = body.task_id, body.state
    for inner in (status, task):
        if inner is not None:
            agent = agent or inner.agent_id
            executor = executor or inner.executor_id
            task_id = task_id or inner.task_id
            state = state or inner.state
    if task is not None:
        framework = framework or task.framework_id
        executor = executor or (task.executor and task.executor.executor_id)
    values = framework, agent, executor, task_id, body.offer_id
    return *map(id_value, values), state


class _Sizes:
    """The sizes of records. Those of protobuf depend on the call that the stream answers."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._messages: dict[int, str | None] = {}

    def size(self, event: EventRecord) -> int | None:
        """Return the number of bytes of a record; None if its body is wrong."""
        try:
            if event.event is not None:
                return len(encode_body(event.event, self._message(event)))
            if event.form == b"text":
                return len(event.text) - 2 * event.text.count(b"\n") - 2
            if event.form == b"json":
                return len(json.format(event.text, indent=-1))
            return len(_encoder(self._message(event))(event.text))
        except (ValueError, RecursionError, BodyError):
            return None

    def _message(self, event: EventRecord) -> str | None:
        """Return the full name of the message of a record."""
        if event.side:
            return AGENT.call_message
        number = int(event.of)
        if number not in self._messages:
            try:
                self._messages[number] = self._find_message(number)
            except CassetteError:
                self._messages[number] = None
        return self._messages[number]

    def _find_message(self, number: int) -> str | None:
        from ...proto.api import calls
        from ...proto.http.headers import header_value

        cassette = self._source.cassette
        request = cassette.exchange(number).request
        api = endpoints.find_api(request.path, cassette.header.server)
        if api is None:
            return None
        body = encode_body(request, api.call_message)
        media_type = header_value(request.headers, "content-type")
        call_type = calls.identify_call_type(body, media_type, api)
        return None if call_type is None else call_type.record_message


@cache
def _encoder(message: str | None) -> Callable[[bytes], bytes]:
    return indented_body_encoder(b"proto", message)
