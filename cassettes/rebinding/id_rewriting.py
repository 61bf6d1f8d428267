"""Id rewriting: answers with the ids of this run in the place of recorded ones.

A body or record in which no id changes keeps its bytes; any other is encoded again, as Mesos writes
it.

Which ids change is known only when an answer goes out, and an answer may itself fix ids:

- A call binds its ids when it is matched (id_matching.py), and a stream that is already open has to
  use them in its next record. So each record of a stream is rewritten when it is due, not earlier.
- The client learns offer ids, uuids of statuses and its framework id from answers. Once sent with
  the recorded value, such an id is bound to itself: a later call with another value in its place
  means another offer, not the same one by another name. Ids that clients invent (of tasks,
  executors, operations, containers) stay unbound until a call has them.
- A framework that registers again (`--repeat cycle`) starts from the beginning. Its tasks and
  executors get new ids then, so those of the round before are forgotten.
"""

from collections.abc import Iterator

from google.protobuf.message import Message

from ...proto import recordio
from ...proto.api.negotiation import Encoding
from ...proto.messages import mapping
from ...proto.messages.fields import field_at
from ...proto.messages.ids import ASSIGNED_BY_MESOS, id_fields
from ..answers.answer import Notify, StreamStep
from ..answers.pace import Timed
from ..answers.transcoding import decode_leniently
from .id_bindings import IdBindings, ScopedId

_SUBSCRIBED_FRAMEWORK = "subscribed.framework_id.value"


class IdRewriter:
    """Rewrites the ids in the answer of an exchange.

    `message_name` is the full name of the message in its body or its records, `scope` the recorded
    id of the framework that the request is about, or empty; then the first record may have it.
    `played_before` is true if the exchange was played before.
    """

    def __init__(
        self,
        bindings: IdBindings,
        message_name: str,
        encoding: Encoding,
        scope: str = "",
        *,
        played_before: bool = False,
    ) -> None:
        self._bindings = bindings
        self._message_name = message_name
        self._encoding: Encoding = encoding
        self._scope = scope
        self._forgets_scope = played_before and not scope

    def rewrite_body(self, data: bytes) -> bytes:
        """Return a body in the ids of this run."""
        return self._rewrite(data) if data and self._bindings.has_translations else data

    def rewrite_steps(self, steps: Iterator[Timed[StreamStep]]) -> Iterator[Timed[StreamStep]]:
        """Yield the steps of a stream, its records in the ids that are bound when they are due."""
        # A server takes the next step as soon as the one before has gone out, which may be long
        # before that next step is due. So a `Notify`, which is due at the same time and sends
        # nothing, goes before each record: the record is taken from here, and rewritten, only
        # after the `Notify` was due.
        for at_seconds, step in steps:
            if not isinstance(step, bytes):
                yield at_seconds, step
                continue
            yield at_seconds, Notify()
            yield at_seconds, self._rewrite_record(step)

    def _rewrite_record(self, step: bytes) -> bytes:
        length, _, data = step.partition(b"\n")
        if length != b"%d" % len(data):
            return step
        rewritten = self._rewrite(data)
        return step if rewritten is data else recordio.encode(rewritten)

    def _rewrite(self, data: bytes) -> bytes:
        try:
            message = decode_leniently(data, self._message_name, self._encoding)
        except (ValueError, RecursionError):
            return data
        framework_id = field_at(message, _SUBSCRIBED_FRAMEWORK)
        if isinstance(framework_id, str):
            self._begin_framework(framework_id)
        if not self._replace_ids(message):
            return data
        if self._encoding == "json":
            return mapping.encode(message)
        return message.SerializePartialToString()

    def _begin_framework(self, framework_id: str) -> None:
        if self._forgets_scope:
            self._bindings.forget_scope(framework_id)
        self._scope, self._forgets_scope = framework_id, False
        self._fix(ScopedId("framework-id", "", framework_id))

    def _replace_ids(self, message: Message) -> bool:
        """Replace recorded ids by live ones, and return whether any value has changed."""
        has_changed = False
        for field in id_fields(message, self._scope):
            recorded = ScopedId(field.kind, field.scope, field.value)
            live = self._bindings.live_value(recorded)
            if live is None:
                if field.kind in ASSIGNED_BY_MESOS:
                    self._fix(recorded)
            elif live != recorded.value:
                field.set_value(live)
                has_changed = True
        return has_changed

    def _fix(self, recorded: ScopedId) -> None:
        """Bind a recorded id to its own value, if neither is bound."""
        pair = (recorded, recorded.value)
        if self._bindings.live_value(recorded) is None and self._bindings.can_bind([pair]):
            self._bindings.bind([pair])
