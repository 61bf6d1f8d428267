"""A subscriber that subscribes again, with the id that this replay gave to it.

    recorded    SUBSCRIBE                    SUBSCRIBED f-0001
    replayed    SUBSCRIBE                    SUBSCRIBED f-0001      …a fault closes the stream
                SUBSCRIBE as f-0001          the same exchange again

The second call differs from the recorded one only in the id, which the first could not have.
"""

from google.protobuf.message import Message
from msgspec.structs import replace

from ...proto.messages.fields import field_at
from ..matching.request_key import CallKey, ParsedRequest, digest_calls

_ID_PATHS = {
    "scheduler": (("", "framework_id"), ("subscribe.framework_info", "id")),
    "resource_provider": (("subscribe.resource_provider_info", "id"),),
}
"""Where a SUBSCRIBE has the id of the subscriber, by the name of the API: a message, its field."""


def first_subscribe_key(parsed: ParsedRequest) -> CallKey | None:
    """Return the key of a SUBSCRIBE without its id; None for other calls and without an id."""
    key = parsed.key
    if not isinstance(key, CallKey) or key.call_name != "SUBSCRIBE" or key.api not in _ID_PATHS:
        return None
    calls = tuple(_without(call, _ID_PATHS[key.api]) for call in parsed.compared_calls)
    first = replace(key, message_digest=digest_calls(calls))
    return None if first == key else first


def _without(call: Message, fields: tuple[tuple[str, str], ...]) -> Message:
    copy = type(call)()
    copy.CopyFrom(call)
    for path, name in fields:
        message = field_at(copy, path) if path else copy
        if isinstance(message, Message):
            message.ClearField(name)
    return copy
