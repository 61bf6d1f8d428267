"""Renaming: what was recorded, told in the ids of this run.

A record or a body with nothing in it that has another id keeps its bytes; any other one is written
again. Of what a client has been told, its offers, the uuids of its statuses and its framework keep
their ids from then on: the client knows them.
"""

from collections.abc import Iterator

from google.protobuf.message import DecodeError, Message

from ...proto import recordio
from ...proto.api.negotiation import Encoding
from ...proto.messages import mapping
from ...proto.messages.fields import field_at
from ...proto.messages.ids import id_fields
from ..answers.answer import StreamStep
from ..answers.gates import Latch, Signal
from ..answers.pace import Timed
from ..answers.transcoding import decode_message
from .id_bindings import IdBindings, ScopedId

_TOLD = ("offer-id", "uuid")
_OWNER = "subscribed.framework_id.value"

_DUE = Latch("the record is due")


class IdRewriter:
    """Renames the ids in what an exchange answers. `message` is what its body or its records are.

    `scope` is the recorded framework that it is about, or empty; the first record may tell. With
    `again`, it was played before: a framework that registers again begins again, and what its
    tasks and executors were called before is forgotten.
    """

    def __init__(
        self,
        bindings: IdBindings,
        message: str,
        encoding: Encoding,
        scope: str = "",
        *,
        played_before: bool = False,
    ) -> None:
        self._bindings = bindings
        self._message = message
        self._encoding: Encoding = encoding
        self._scope = scope
        self._again = played_before

    def rewrite_body(self, data: bytes) -> bytes:
        """Rename ids in a body."""
        return self._told(data) if data and self._bindings.has_translations else data

    def rewrite_steps(self, steps: Iterator[Timed[StreamStep]]) -> Iterator[Timed[StreamStep]]:
        """Rename ids in the records of a stream, by what is bound when each is due.

        A server takes the next step as soon as one has gone out. So a cue, which holds nobody,
        comes first, and the record itself is taken when that is due.
        """
        for at_seconds, step in steps:
            if not isinstance(step, bytes):
                yield at_seconds, step
                continue
            yield at_seconds, Signal(_DUE)
            yield at_seconds, self._record(step)

    def _record(self, step: bytes) -> bytes:
        length, _, data = step.partition(b"\n")
        if length != b"%d" % len(data):
            return step
        told = self._told(data)
        return step if told is data else recordio.encode(told)

    def _told(self, data: bytes) -> bytes:
        try:
            message = decode_message(data, self._message, self._encoding)
        except (ValueError, DecodeError, RecursionError):
            return data
        owner = field_at(message, _OWNER)
        if isinstance(owner, str):
            self._begin(owner)
        if not self._rename(message):
            return data
        if self._encoding == "json":
            return mapping.encode(message)
        return message.SerializePartialToString()

    def _begin(self, owner: str) -> None:
        """A scheduler is told its framework."""
        if self._again and not self._scope:
            self._bindings.forget_scope(owner)
        self._scope, self._again = owner, False
        self._tell(ScopedId("framework-id", "", owner))

    def _rename(self, message: Message) -> bool:
        """Put the ids of this run in the place of recorded ones; tell whether there were any."""
        renamed = False
        for slot in id_fields(message, self._scope):
            each = ScopedId(slot.kind, slot.scope, slot.value)
            live = self._bindings.live_value(each)
            if live is None:
                if slot.kind in _TOLD:
                    self._tell(each)
            elif live != each.value:
                slot.set_value(live)
                renamed = True
        return renamed

    def _tell(self, each: ScopedId) -> None:
        """The client knows the recorded id, so that nothing else can stand for it."""
        pair = (each, each.value)
        if self._bindings.live_value(each) is None and self._bindings.can_bind([pair]):
            self._bindings.bind([pair])
