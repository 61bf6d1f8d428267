"""Which messages the records of a JSON stream are, by what they say.

{"type":"SUBSCRIBED","subscribed":{"get_state":…}}      mesos.v1.master.Event
{"type":"DATA","data":…}                                mesos.v1.agent.ProcessIO
{"type":"HEARTBEAT"}                                    may be three: the next one tells
"""

from typing import Any, cast

from ..messages import mapping
from ..messages.descriptors import message_class
from .content import STREAMED_MESSAGES, type_values_by_name


class MessageGuesser:
    """Strikes out what the records cannot be, until one message is left."""

    def __init__(self) -> None:
        self._left = STREAMED_MESSAGES

    def narrow_candidates(self, value: dict[str, Any]) -> str | None:
        """Look at one record; gives the full name of the message as soon as it is clear."""
        left = tuple(name for name in self._left if _may_be(value, name))
        if left:
            self._left = left
        return left[0] if len(left) == 1 else None


def _may_be(value: dict[str, Any], name: str) -> bool:
    """Whether a message has this type and all these fields, down to those of its body."""
    fields = message_class(name).DESCRIPTOR.fields_by_name
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in type_values_by_name(name):
        return False
    for key, content in value.items():
        if key not in fields:
            return False
        inner = fields[key].message_type
        if inner is None or not isinstance(content, dict):
            continue
        if cast("dict[str, Any]", content).keys() - inner.fields_by_name.keys():
            return False
    try:
        mapping.message_from_json_value(value, name)
    except (ValueError, RecursionError):
        return False
    return True
