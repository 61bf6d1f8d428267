"""The tables in which the calls and events of a recording are kept, without their contents.

A call takes some 90 bytes with its request and answer, an event some 40, besides the numbers of the
ids in them: what they have in common is kept once, and numbers are in arrays.
"""

from array import array
from collections.abc import Iterator, Sequence

from msgspec import Struct

from ...proto.api.apis import CallType
from ...proto.api.negotiation import Encoding, body_encoding
from ...proto.http.headers import header_value
from ...proto.messages.fields import field_at
from ..format.documents import Exchange
from ..matching.request_key import CallKey, ParsedRequest
from .container_output import ContainerOutput
from .id_table import IdTable
from .message_forms import MessageForm, describe_request

SUBSCRIBERS = ("scheduler", "executor")
"""APIs whose streams are about one framework."""


class _Numbered[T]:
    """Values with numbers from 0; equal ones have the same."""

    def __init__(self) -> None:
        self._numbers: dict[T, int] = {}
        self.values: list[T] = []

    def number(self, value: T) -> int:
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


class MessageTable:
    """Messages by number: a label and a kind, a digest, and the numbers of their ids."""

    def __init__(self, ids: IdTable) -> None:
        self._ids = ids
        self._labels = _Numbered[tuple[str, str]]()
        self._label_numbers = array("I")
        self.digests = array("q")
        self._starts = array("Q", [0])
        self._id_numbers = array("I")

    def add(self, form: MessageForm) -> int:
        """Add a message, and return its number."""
        self._id_numbers.extend(self._ids.add(form.ids))
        self._starts.append(len(self._id_numbers))
        self._label_numbers.append(self._labels.number((form.label, form.kind)))
        self.digests.append(form.digest)
        return len(self.digests) - 1

    def label(self, message: int) -> str:
        """Return the type of a message, with the state of a task in it."""
        return self._labels.values[self._label_numbers[message]][0]

    def kind(self, message: int) -> str:
        """Return the type of a message alone."""
        return self._labels.values[self._label_numbers[message]][1]

    def ids(self, message: int) -> Sequence[int]:
        """Return the numbers of the ids in a message."""
        return self._id_numbers[self._starts[message] : self._starts[message + 1]]


class CallFacts(Struct, frozen=True):
    """What many calls have in common.

    `what` is the name of the call, and `party` are texts by which clients are told apart: the kind,
    the program, the host, and the id of an executor. `scope` is the id of the framework that the
    call is about, or empty.
    """

    what: str
    party: tuple[str, ...]
    scope: str
    call_type: CallType | None
    encoding: Encoding | None
    status: int | None


def call_facts(exchange: Exchange, parsed: ParsedRequest) -> CallFacts:
    """Return the facts of a call."""
    api = parsed.key.api if isinstance(parsed.key, CallKey) else "other"
    kind = api if api in (*SUBSCRIBERS, "resource_provider") else "operator"
    agent = header_value(exchange.request.headers, "user-agent") or ""
    host = (exchange.peer or "").rpartition(":")[0]
    executor = field_at(parsed.calls[0], "executor_id.value") if parsed.calls else None
    return CallFacts(
        describe_request(parsed),
        (kind, agent, host, str(executor or "")),
        parsed.framework_id,
        parsed.call_type,
        body_encoding(exchange.response.headers),
        exchange.response.status,
    )


class RecordedStream:
    """The events of a stream without heartbeats: their messages, documents, lines and numbers.

    `scope` is the id of the framework that they are about, if any, and `end` the cause of the end.
    `outputs` has what the events that stand for the output of a container consist of, by kind.
    """

    def __init__(self, facts: CallFacts) -> None:
        self.facts = facts
        self.scope = facts.scope
        self.messages = array("I")
        self.documents = array("I")
        self.lines = array("I")
        self.numbers = array("Q")
        self.outputs: dict[str, ContainerOutput] = {}
        self.end = ""

    @property
    def has_framework(self) -> bool:
        """Whether the stream is about one framework."""
        return self.facts.party[0] in SUBSCRIBERS

    @property
    def context(self) -> tuple[object, ...] | None:
        """What the forms of its events depend on besides texts; None until that is known."""
        call_type = self.facts.call_type
        if call_type is None or (self.has_framework and not self.scope):
            return None
        return call_type.record_message, self.facts.encoding

    def output_at(self, index: int) -> ContainerOutput | None:
        """Return the output of a container that an event stands for."""
        return next((each for each in self.outputs.values() if each.index == index), None)

    def __len__(self) -> int:
        return len(self.messages)


class RecordedCall(Struct, gc=False):
    """An exchange. `request` and `answer` are numbers of messages."""

    number: int
    document: int
    line: int
    request: int
    facts: CallFacts
    stream: RecordedStream | None = None

    @property
    def what(self) -> str:
        """The name of the call."""
        return self.facts.what

    @property
    def answer(self) -> int:
        """The number of the answer, which is added after its request."""
        return self.request + 1

    @property
    def scope(self) -> str:
        """The id of the framework that the call is about, or empty."""
        return self.facts.scope if self.stream is None else self.stream.scope


class CallFrame(Struct, frozen=True):
    """What is known of calls with equal texts; `scope` is the number of an id in the text."""

    facts: CallFacts
    scope: int | None
    has_stream: bool


class CallTable:
    """The calls of a recording by index, in the order in which they were added."""

    def __init__(self) -> None:
        self._numbers = array("Q")
        self._documents = array("I")
        self._lines = array("I")
        self._requests = array("I")
        self._facts = _Numbered[CallFacts]()
        self._fact_numbers = array("I")
        self._streams: dict[int, RecordedStream] = {}
        self._order = array("I")

    def add(self, call: RecordedCall) -> None:
        """Add a call."""
        if call.stream is not None:
            self._streams[len(self._numbers)] = call.stream
        self._numbers.append(call.number)
        self._documents.append(call.document)
        self._lines.append(call.line)
        self._requests.append(call.request)
        self._fact_numbers.append(self._facts.number(call.facts))

    def sort(self) -> None:
        """Put the calls in the order of their numbers: that in which they began."""
        self._order = array("I", sorted(range(len(self)), key=self._numbers.__getitem__))

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[RecordedCall]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> RecordedCall:
        place = self._order[index]
        return RecordedCall(
            self._numbers[place],
            self._documents[place],
            self._lines[place],
            self._requests[place],
            self._facts.values[self._fact_numbers[place]],
            self._streams.get(place),
        )

    def request(self, index: int) -> int:
        """Return the number of the request of a call."""
        return self._requests[self._order[index]]
