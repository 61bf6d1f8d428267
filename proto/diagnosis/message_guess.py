"""Which message the records of a JSON stream hold, inferred from their types and fields.

{"type":"SUBSCRIBED","subscribed":{"get_state":…}}      mesos.v1.master.Event
{"type":"DATA","data":…}                                mesos.v1.agent.ProcessIO
{"type":"HEARTBEAT"}                                    one of three: wait for the next record
"""

from typing import Any, cast

from ..messages import mapping
from ..messages.descriptors import message_class
from .content import STREAMED_MESSAGES, type_values_by_name


class MessageGuesser:
    """Rules out the messages that the records cannot be, until one is left."""

    def __init__(self) -> None:
        self._candidates = STREAMED_MESSAGES

    def narrow_candidates(self, value: dict[str, Any]) -> str | None:
        """Rule out messages by one record; return the full name of the last one left, or None."""
        candidates = tuple(
            name
            for name in self._candidates
            if is_message_value(value, name) and _has_known_inner_names(value, name)
        )
        if candidates:
            self._candidates = candidates
        return candidates[0] if len(candidates) == 1 else None


def is_message_value(value: dict[str, Any], name: str) -> bool:
    """Return whether a JSON object has a type of a message, only its fields, and converts."""
    message_type = value.get("type")
    if not isinstance(message_type, str) or message_type not in type_values_by_name(name):
        return False
    if value.keys() - message_class(name).DESCRIPTOR.fields_by_name.keys():
        return False
    try:
        mapping.message_from_json_value(value, name)
    except (ValueError, RecursionError):
        return False
    return True


def _has_known_inner_names(value: dict[str, Any], name: str) -> bool:
    """Return whether the objects directly inside an object have only names of fields."""
    fields = message_class(name).DESCRIPTOR.fields_by_name
    for key, content in value.items():
        inner = fields[key].message_type
        if inner is None or not isinstance(content, dict):
            continue
        if cast("dict[str, Any]", content).keys() - inner.fields_by_name.keys():
            return False
    return True
