"""The names of the types of events, of all APIs."""

from collections.abc import Iterable

from ..messages.descriptors import message_class
from .apis import APIS


def event_type_names() -> frozenset[str]:
    """Return the names in all enums of types, like OFFERS and TASK_ADDED."""
    names: Iterable[str] = (api.event_message for api in APIS)
    enums = (message_class(name).DESCRIPTOR.enum_types_by_name["Type"] for name in names)
    return frozenset(value.name for enum in enums for value in enum.values)
