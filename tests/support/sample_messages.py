"""Messages of every type in the schema, filled with everything or with what cannot be missing."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from mesotape.proto.api.apis import APIS
from mesotape.proto.messages.descriptors import child_messages, message_class

VALUES: dict[int, object] = {
    FieldDescriptor.TYPE_STRING: 'é "\\\n\x1f😀\x7f\u2028',
    FieldDescriptor.TYPE_BYTES: bytes(range(256)),
    FieldDescriptor.TYPE_BOOL: True,
    FieldDescriptor.TYPE_DOUBLE: -1.2345678901234567e-7,
    FieldDescriptor.TYPE_INT32: -(2**31),
    FieldDescriptor.TYPE_UINT32: 2**32 - 1,
    FieldDescriptor.TYPE_INT64: -(2**63),
    FieldDescriptor.TYPE_UINT64: 2**64 - 1,
}

FULL_COUNT = 3


class Builder:
    """Fills messages: with everything, or with what cannot be missing in their JSON.

    Of each oneof it sets the field that `choice` selects; `chose` is true if there was one.
    Messages contain each other so often that everything everywhere would make a megabyte: a type
    that was filled FULL_COUNT times gets only what cannot be missing.
    """

    def __init__(self, choice: int, everything: bool) -> None:
        self.choice = choice
        self.everything = everything
        self.chose = False
        self.counts = Counter[str]()

    def fill_kind(self, message: Any, kind: str) -> None:
        """Set the type, the field of that type if there is one, and the ids beside it."""
        for field in message.DESCRIPTOR.fields:
            if field.name == "type":
                message.type = field.enum_type.values_by_name[kind].number
            elif field.name == kind.lower() or field.name.endswith("_id"):
                self.set(message, field, (message.DESCRIPTOR.full_name,))

    def fill(self, message: Message, within: tuple[str, ...] = ()) -> None:
        descriptor = message.DESCRIPTOR
        self.counts[descriptor.full_name] += 1
        everything = self.everything and self.counts[descriptor.full_name] <= FULL_COUNT
        for field in descriptor.fields:
            if self.belongs(field, everything):
                self.set(message, field, (*within, descriptor.full_name))

    def belongs(self, field: Any, everything: bool) -> bool:
        if not everything:
            has_default = field.has_default_value and not field.GetOptions().deprecated
            return field.is_required or has_default
        oneof = field.containing_oneof
        if oneof is None:
            return True
        self.chose = True
        return oneof.fields[self.choice % len(oneof.fields)].name == field.name

    def set(self, message: Message, field: Any, within: tuple[str, ...]) -> None:
        content = getattr(message, field.name)
        if field.message_type is None:
            if field.is_repeated:
                content.extend([self.value(field)] * 2)
            else:
                setattr(message, field.name, self.value(field))
        elif field.message_type.GetOptions().map_entry:
            self.put(content, field.message_type.fields_by_name["value"], within)
        elif within.count(field.message_type.full_name) < 2:  # a container's parent has a parent
            count = 2 if len(within) < 4 else 1
            for child in [content.add() for _ in range(count)] if field.is_repeated else [content]:
                child.SetInParent()
                self.fill(child, within)

    def put(self, entries: Any, value_field: Any, within: tuple[str, ...]) -> None:
        for key in ("a", "b é"):
            if value_field.message_type is None:
                entries[key] = self.value(value_field)
            else:
                self.fill(entries[key], within)

    def value(self, field: Any) -> object:
        if field.enum_type is not None:
            return field.enum_type.values[-1].number
        return VALUES[field.type]


def types(name: str) -> list[str]:
    return list(message_class(name).DESCRIPTOR.fields_by_name["type"].enum_type.values_by_name)


def names() -> Iterator[str]:
    for api in APIS:
        yield from (
            name
            for name in (api.call_message, api.event_message, api.response_message)
            if name is not None
        )


def filled(name: str, kind: str, *, everything: bool) -> Iterator[Message]:
    """Yield messages of a type, with each field of their oneofs in turn."""
    for choice in range(6):  # as many as the largest oneof has fields
        message = message_class(name)()
        builder = Builder(choice, everything)
        builder.fill_kind(message, kind)
        yield message
        if not builder.chose:
            break


def as_in_json(message: Any) -> Any:
    """Return a copy without the undeclared fields that Mesos leaves out in its JSON."""
    copy = type(message)()
    copy.CopyFrom(message)
    _clear_undeclared(copy)
    return copy


def _clear_undeclared(message: Any) -> None:
    if message.DESCRIPTOR.full_name == "mesos.v1.master.Response.GetAgents":
        return
    if message.DESCRIPTOR.full_name == "mesos.v1.AgentInfo":
        message.ClearField("checkpoint")
    for child in list(child_messages(message)):
        _clear_undeclared(child.message)
