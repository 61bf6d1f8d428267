"""The tables in which the calls and events of a recording are kept, without their contents."""

from array import array
from collections.abc import Sequence

from msgspec import Struct

from ...proto.api.apis import CallType
from ...proto.api.negotiation import Encoding
from .id_table import IdTable
from .message_forms import MessageForm


class MessageTable:
    """Messages by number: a label and a kind, a digest, and the numbers of their ids."""

    def __init__(self, ids: IdTable) -> None:
        self._ids = ids
        self.labels: list[str] = []
        self.kinds: list[str] = []
        self.digests = array("q")
        self._starts = array("Q", [0])
        self._numbers = array("I")
        self._texts: dict[str, str] = {}

    def add(self, form: MessageForm) -> int:
        """Add a message, and return its number."""
        self._numbers.extend(self._ids.add(form.ids))
        self._starts.append(len(self._numbers))
        self.labels.append(self._texts.setdefault(form.label, form.label))
        self.kinds.append(self._texts.setdefault(form.kind, form.kind))
        self.digests.append(form.digest)
        return len(self.digests) - 1

    def ids(self, message: int) -> Sequence[int]:
        """Return the numbers of the ids in a message."""
        return self._numbers[self._starts[message] : self._starts[message + 1]]


class RecordedStream(Struct, gc=False):
    """The events of a stream without heartbeats: their messages, documents, lines and numbers.

    `end` is the cause of its end, or empty.
    """

    messages: array[int]
    documents: array[int]
    lines: array[int]
    numbers: array[int]
    end: str = ""

    def __len__(self) -> int:
        return len(self.messages)


def empty_stream() -> RecordedStream:
    """Return a stream to which events can be added."""
    return RecordedStream(array("I"), array("I"), array("I"), array("Q"))


class RecordedCall(Struct, gc=False):
    """An exchange. `request` and `answer` are numbers of messages.

    `party` are texts by which clients are told apart: the kind, the program, the host, and the id
    of an executor. `scope` is the id of the framework that the call is about, or empty.
    """

    number: int
    document: int
    line: int
    what: str
    party: tuple[str, ...]
    scope: str
    call_type: CallType | None
    encoding: Encoding | None
    status: int | None
    request: int
    answer: int
    stream: RecordedStream | None
