"""The SUBSCRIBED events of a cut with the state at its begin: `mesotape cut --first-state`.

    recorded    SUBSCRIBED {}    TASK_ADDED t1    t1 RUNNING    |    t1 FINISHED
    cut         SUBSCRIBED {t1 RUNNING}                         |    t1 FINISHED

Only the streams of operators of a master have a state. A SUBSCRIBED event that changes is encoded
anew, in its encoding.
"""

from google.protobuf.message import Message
from msgspec.structs import replace

from ...proto.api.apis import MASTER
from ...proto.messages import mapping
from ...proto.messages.fields import type_enum_name
from ..format.bodies import decode_body
from ..format.documents import Body, Event
from ..format.yaml_writer import format_event
from ..redaction.lengths import fit_chunks
from ..storage.reader import Cassette
from .cluster_state import ClusterState
from .head_reader import DocumentHead, event_message, read_heads
from .kept_documents import KeptDocuments

_MESSAGE = MASTER.event_message


def first_states(cassette: Cassette, kept: KeptDocuments, since: float) -> dict[int, bytes]:
    """Return SUBSCRIBED events with the state at a time, by the numbers of their documents.

    What is already as it was recorded is left out. Raises CassetteError.
    """
    states: dict[int, ClusterState] = {}
    subscribed: dict[int, tuple[DocumentHead, Message]] = {}
    for head in read_heads(cassette):
        if head.kind != "event" or head.at_seconds >= since or not _has_state(head, kept):
            continue
        event = event_message(cassette, head, _MESSAGE)
        if event is None:
            continue
        if head.of in states:
            states[head.of].apply(event)
        elif type_enum_name(event) == "SUBSCRIBED":
            states[head.of] = ClusterState(event)
            subscribed[head.of] = head, event
    found: dict[int, bytes] = {}
    for of, (head, event) in subscribed.items():
        if states[of].has_changed:
            states[of].write()
            found[head.document] = _format(cassette, head.document, event)
    return found


def _has_state(head: DocumentHead, kept: KeptDocuments) -> bool:
    """Return whether an event is of a stream that is kept and begins with the state."""
    is_kept = head.of in kept.exchanges and kept.is_divided(head)
    return is_kept and kept.streams[head.of] == _MESSAGE


def _format(cassette: Cassette, document: int, message: Message) -> bytes:
    """Format the document of an event with another message."""
    event = cassette.read_document(document)
    assert isinstance(event, Event)
    if event.proto is None:
        body = decode_body(mapping.encode(message), "json")
    else:
        body = decode_body(message.SerializePartialToString(), "proto", _MESSAGE)
    changed = replace(event, **{**dict.fromkeys(Body.__struct_fields__), **body})
    return format_event(replace(changed, chunks=fit_chunks(event, changed)))
