"""Another run of a recorded work that differs in one thing, at a random place."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from msgspec.structs import replace

from mesotape.cassettes.answers.records import is_heartbeat_message
from mesotape.cassettes.answers.transcoding import decode_leniently
from mesotape.cassettes.comparing.container_output import output_of
from mesotape.cassettes.comparing.differences import RecordingDifference
from mesotape.cassettes.comparing.known_forms import KnownForms
from mesotape.cassettes.comparing.message_forms import drop_times
from mesotape.cassettes.comparing.transcript import Transcript
from mesotape.cassettes.format.bodies import Body, decode_body, encode_body
from mesotape.cassettes.format.documents import Document, End, Event, Exchange, Headers
from mesotape.cassettes.format.yaml_writer import format_document
from mesotape.cassettes.matching.ignore_rules import IgnoreRules
from mesotape.cassettes.matching.near_misses import format_scalar
from mesotape.cassettes.matching.recorded_request import recorded_request
from mesotape.cassettes.matching.request_key import parse_request
from mesotape.cassettes.matching.shortening import truncate_around_difference
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api import endpoints
from mesotape.proto.api.negotiation import ENCODINGS
from mesotape.proto.http.headers import header_value
from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import map_value_field
from mesotape.proto.messages.fields import type_enum_name
from mesotape.proto.messages.ids import id_fields

from .other_run import FORMATS, NO_BODY, other_run

NAMES = ("name", "key", "role", "id")
STATUSES = (200, 202, 400, 403, 503)

type Place = tuple[int, int | None]
"""The numbers of an exchange and, of an event, of that."""


class Expected(NamedTuple):
    """What a comparison has to say. The place is one of `places`."""

    kind: str
    what: str
    places: set[Place]
    changes: tuple[tuple[str, str, str], ...] = ()

    def is_said_by(self, difference: RecordingDifference) -> bool:
        place = difference.first or difference.second
        changes = tuple((each.path, each.first, each.second) for each in difference.changes)
        found = difference.kind, difference.what, changes
        is_there = (place.exchange, place.event) in self.places
        return is_there and found == (self.kind, self.what, self.changes)


class Part(NamedTuple):
    """A message of a cassette: of the document at `index`, the request, the response, an event."""

    index: int
    role: str
    name: str
    encoding: str

    def read(self, documents: list[Document]) -> Message:
        document = documents[self.index]
        body = document if self.role == "event" else getattr(document, self.role)
        return decode_leniently(encode_body(body, self.name), self.name, self.encoding)

    def write(self, documents: list[Document], message: Message) -> None:
        data = (
            mapping.encode(message, include_defaults=False)
            if self.encoding == "json"
            else message.SerializeToString(deterministic=True)
        )
        body = NO_BODY | decode_body(data, FORMATS[self.encoding], self.name)
        if self.role != "event":
            body = {self.role: replace(getattr(documents[self.index], self.role), **body)}
        documents[self.index] = replace(documents[self.index], **body)


class Leaf(NamedTuple):
    """A field that may be changed. `kind` is its path without places, `key` its place in it."""

    kind: str
    path: str
    owner: Message
    field: FieldDescriptor
    key: Any

    def get(self) -> Any:
        value = getattr(self.owner, self.field.name)
        return value if self.key is None else value[self.key]

    def set(self, value: Any) -> None:
        if self.key is None:
            setattr(self.owner, self.field.name, value)
        else:
            getattr(self.owner, self.field.name)[self.key] = value


type Planted = tuple[list[Document], list[Expected]]


class Planting:
    """Plants changes into another run of a cassette, which is written to `target`.

    `encoding` is that of its messages; None: as they were recorded.
    """

    def __init__(self, source: Path, encoding: str | None, folder: Path) -> None:
        self.target = other_run(source, folder / "other.yaml", encoding=encoding)
        self.first, self.parts = read(source)
        self.second, self.other_parts = read(self.target)
        assert [each[:3] for each in self.parts] == [each[:3] for each in self.other_parts]
        self.whats = names_of_documents(source)
        self.calls = [n for n, each in enumerate(self.first) if isinstance(each, Exchange)]

    def plant(self, kind: str, random: Random) -> list[Expected]:
        """Write a changed run, and return what may be said of it; [] if there is no such place."""
        documents, expected = PLANTS[kind](self, random) or ([], [])
        self.target.write_bytes(b"".join(map(format_document, documents)))
        return expected

    def change_field(self, random: Random, role: str) -> Planted | None:
        parts = zip(self.parts, self.other_parts, strict=True)
        both = [each for each in parts if each[0].role == role]
        for part, other in random.sample(both, len(both)):
            new = other.read(self.second)
            leaves = list(zip(leaves_of(part.read(self.first)), leaves_of(new), strict=True))
            if not leaves:
                continue
            kind = random.choice(sorted({each.kind for each, _ in leaves}))
            leaf, leaf_of_other = random.choice([each for each in leaves if each[0].kind == kind])
            value = other_value(leaf.field, leaf_of_other.get(), random)
            texts = truncate_around_difference(
                format_scalar(leaf.field, leaf.get()), format_scalar(leaf.field, value)
            )
            leaf_of_other.set(value)
            documents = list(self.second)
            other.write(documents, new)
            path = leaf.path if role == "event" else f"{role}.{leaf.path}"
            return documents, [self.expected("changed", part.index, (path, *texts))]
        return None

    def change_status(self, random: Random) -> Planted:
        index = random.choice([n for n in self.calls if self.second[n].response.status])
        response = self.second[index].response
        status = random.choice([each for each in STATUSES if each != response.status])
        documents = list(self.second)
        documents[index] = replace(self.second[index], response=replace(response, status=status))
        change = ("response.status", str(response.status), str(status))
        return documents, [self.expected("changed", index, change)]

    def lose_event(self, random: Random) -> Planted | None:
        if not (events := self.events()):
            return None
        lost = random.choice(events)
        documents = [each for index, each in enumerate(self.second) if index != lost]
        return documents, [Expected("missing", self.whats[lost], self.equal_places(lost))]

    def repeat_event(self, random: Random) -> Planted | None:
        if not (events := self.events()):
            return None
        index = random.choice(events)
        event = self.second[index]
        documents: list[Document] = []
        for each in self.second:
            is_later = isinstance(each, Event) and (each.of, event.event) == (event.of, each.event)
            documents.append(each)
            if is_later:
                documents.append(replace(event, event=event.event + 1))
        for place in range(index + 2, len(documents)):
            each = documents[place]
            if isinstance(each, Event) and each.of == event.of:
                documents[place] = replace(each, event=each.event + 1)
        places = {(event.of, event.event), (event.of, event.event + 1)}
        return documents, [Expected("new", self.whats[index], places)]

    def swap_events(self, random: Random) -> Planted | None:
        """Swap events that follow each other, and differ in more than ids."""
        events = self.events()
        pairs = [
            (a, b)
            for a, b in pairwise(events)
            if self.second[a].of == self.second[b].of
            and self.contents(a, with_ids=False) != self.contents(b, with_ids=False)
        ]
        if not pairs:
            return None
        pair = random.choice(pairs)
        first, second = (self.second[each] for each in pair)
        documents = list(self.second)
        documents[pair[0]] = replace(second, event=first.event, at=first.at)
        documents[pair[1]] = replace(first, event=second.event, at=second.at)
        return documents, [self.expected("moved", each) for each in pair]

    def lose_call(self, random: Random) -> Planted:
        lost = random.choice(self.calls)
        number = self.second[lost].exchange
        documents = [each for each in self.second if exchange_of(each) != number]
        return documents, [Expected("missing", self.whats[lost], self.equal_places(lost))]

    def add_call(self, random: Random) -> Planted | None:
        plain = [n for n in self.calls if self.second[n].response.stream is None]
        if not plain:
            return None
        copied, before = random.choice(plain), random.choice(self.calls)
        number, at = self.second[before].exchange, self.second[before].at
        documents = [shifted(each, number) for each in self.second]
        places = {
            (documents[n].exchange, None)
            for n in plain
            if self.whats[n] == self.whats[copied] and self.contents(n) == self.contents(copied)
        }
        documents.insert(before, replace(self.second[copied], exchange=number, at=at))
        return documents, [Expected("new", self.whats[copied], {(number, None), *places})]

    def expected(self, kind: str, index: int, *changes: tuple[str, str, str]) -> Expected:
        return Expected(kind, self.whats[index], {self.place(index)}, changes)

    def events(self) -> list[int]:
        """Return the indexes of events that are compared each on its own."""
        messages = (
            (each.index, each.read(self.second))
            for each in self.other_parts
            if each.role == "event"
        )
        return [
            index
            for index, message in messages
            if not is_heartbeat_message(message) and output_of(message) is None
        ]

    def contents(self, index: int, *, with_ids: bool = True) -> list[bytes]:
        """Return what is compared of the messages of a document of the other run."""
        found: list[bytes] = []
        for part in self.other_parts:
            if part.index == index:
                message = part.read(self.second)
                drop_times(message)
                for each in () if with_ids else list(id_fields(message)):
                    each.blank()
                found.append(message.SerializePartialToString(deterministic=True))
        return found

    def equal_places(self, index: int) -> set[Place]:
        contents = self.contents(index)
        return {
            self.place(each)
            for each, what in self.whats.items()
            if what == self.whats[index] and self.contents(each) == contents
        }

    def place(self, index: int) -> Place:
        document = self.first[index]
        return exchange_of(document), document.event if isinstance(document, Event) else None


PLANTS: dict[str, Callable[[Planting, Random], Planted | None]] = {
    "a field of a request": lambda planting, random: planting.change_field(random, "request"),
    "a field of an answer": lambda planting, random: planting.change_field(random, "response"),
    "a field of an event": lambda planting, random: planting.change_field(random, "event"),
    "a status": Planting.change_status,
    "a lost event": Planting.lose_event,
    "a repeated event": Planting.repeat_event,
    "swapped events": Planting.swap_events,
    "a lost call": Planting.lose_call,
    "a new call": Planting.add_call,
}


def read(path: Path) -> tuple[list[Document], list[Part]]:
    """Return the documents of a cassette, and the messages in them."""
    parts: list[Part] = []
    calls: dict[int, Any] = {}

    def add(index: int, role: str, name: str | None, body: Body, headers: Headers) -> None:
        media_type = header_value(headers, "message-content-type")
        encoding = ENCODINGS.get(media_type or header_value(headers, "content-type") or "")
        if name and encoding and encode_body(body, name):
            parts.append(Part(index, role, name, encoding))

    with Cassette.open(path) as cassette:
        documents = [document for document, _ in cassette.documents()]
        server = cassette.header.server
        for index, document in enumerate(documents):
            if isinstance(document, Exchange):
                request, response = document.request, document.response
                parsed = parse_request(recorded_request(cassette, document), server)
                call_type = parsed.call_type
                calls[document.exchange] = call_type, response.headers
                if parsed.calls and not parsed.refusal and request.stream is None:
                    api = endpoints.find_api(request.path, server)
                    add(index, "request", api.call_message, request, request.headers)
                if call_type and response.status == 200 and response.stream is None:
                    name = call_type.response_message
                    add(index, "response", name, response, response.headers)
            elif isinstance(document, Event) and document.from_ is None:
                call_type, headers = calls[document.of]
                if call_type:
                    add(index, "event", call_type.record_message, document, headers)
    return documents, parts


def names_of_documents(path: Path) -> dict[int, str]:
    """Return what each exchange and event of a cassette is called, by its index."""
    with Cassette.open(path) as cassette:
        transcript = Transcript(cassette, IgnoreRules((), with_answers=True), KnownForms())
        list(transcript.read())
        found = {}
        for call in transcript.calls:
            found[call.document] = call.what
            for n, document in enumerate(call.stream.documents if call.stream else ()):
                found[document] = transcript.event_label(call.stream, n)
        return found


def exchange_of(document: Document) -> int | None:
    match document:
        case Exchange():
            return document.exchange
        case Event():
            return document.of
        case End():
            return document.end
        case _:
            return None


def shifted(document: Document, first: int) -> Document:
    """Return a document with the number of its exchange one higher, from a number on."""
    number = exchange_of(document)
    if number is None or number < first:
        return document
    name = {Exchange: "exchange", Event: "of", End: "end"}[type(document)]
    return replace(document, **{name: number + 1})


def leaves_of(message: Message) -> Iterator[Leaf]:
    """Return the fields that may be changed: no ids, no times, not the type of the message."""
    ids = list(id_fields(message))  # They keep the messages, by which they are found.
    kept = type(message).FromString(message.SerializeToString())
    drop_times(kept)
    excluded = {(id(each.message), each.field) for each in ids}
    if type_enum_name(message):
        excluded.add((id(message), "type"))
    yield from inner_leaves(message, kept, "", "", excluded)


def inner_leaves(
    message: Message, kept: Message, kind: str, path: str, excluded: set[tuple[int, str]]
) -> Iterator[Leaf]:
    """Return those below a message. `kept` is the same without times."""
    for field, value in message.ListFields():
        name = field.name
        others = getattr(kept, name)
        if (id(message), name) in excluded or (field.has_presence and not kept.HasField(name)):
            continue
        inner_kind, inner = f"{kind}.{name}", f"{path}.{name}".removeprefix(".")
        inner_field = map_value_field(field) or field
        places: list[tuple[Any, str]] = [(None, inner)]
        if inner_field is not field:
            places = [(key, f"{inner}[{key}]") for key in sorted(value)]
        elif field.is_repeated:
            places = [(n, f"{inner}[{label}]") for n, label in enumerate(labels_of(value))]
        for key, place in places:
            if inner_field.message_type is None:
                yield Leaf(inner_kind, place, message, field, key)
                continue
            pair = (value, others) if key is None else (value[key], others[key])
            yield from inner_leaves(*pair, inner_kind, place, excluded)


def labels_of(values: Any) -> list[str]:
    """Return what stands for the elements of a list in paths."""
    names: list[str] = []
    for each in values:
        fields = each.DESCRIPTOR.fields_by_name if isinstance(each, Message) else {}
        found = [n for n in NAMES if n in fields and fields[n].type == FieldDescriptor.TYPE_STRING]
        names.append(getattr(each, found[0]) if found else "")
    is_named = all(names) and len({*names}) == len(names)
    return names if is_named else [str(n) for n in range(len(names))]


def other_value(field: FieldDescriptor, value: Any, random: Random) -> Any:
    """Return another value of a field."""
    field = map_value_field(field) or field
    if field.enum_type is not None:
        numbers = [each.number for each in field.enum_type.values]
        return random.choice([each for each in numbers if each != value])
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value + random.choice([0.25, 1.0, -3.5])
        case str():
            return value + random.choice(["x", " more", "é", "/"])
        case _:
            return value + b"\x00"
