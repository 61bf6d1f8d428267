"""The message classes of the Mesos v1 APIs, from the descriptors in mesos.binpb, and their fields.

The classes are in a descriptor pool of their own. Generated Mesos classes of the same names, which
a process may have in the default pool, do not clash with them. Nothing is loaded before the first
class is requested.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

type Encoding = Literal["json", "protobuf"]

_DESCRIPTOR_SET = Path(__file__).parents[1] / "mesos.binpb"


class UndeclaredField(NamedTuple):
    """An optional bool that real servers send and the public .proto files do not declare.

    `after` is the field that precedes it in the JSON of those servers.
    """

    message: str
    name: str
    number: int
    after: str


UNDECLARED_FIELDS = (
    # Declared in SlaveInfo of the private mesos.proto, from which servers write v1 responses
    # (src/common/http.cpp, src/internal/evolve.cpp).
    UndeclaredField("mesos.v1.AgentInfo", "checkpoint", 7, after="id"),
)


@cache
def message_class(full_name: str) -> type[Message]:
    """Return the class of a message such as `mesos.v1.master.Call`.

    Raises LookupError if there is no such message.
    """
    from google.protobuf.message_factory import GetMessageClass

    try:
        return GetMessageClass(_pool().FindMessageTypeByName(full_name))
    except KeyError:
        raise LookupError(f"{full_name!r} is not a message of the Mesos v1 APIs") from None


@cache
def _pool() -> DescriptorPool:
    from google.protobuf.descriptor_pool import DescriptorPool

    pool = DescriptorPool()
    for file in _read_descriptor_set().file:
        pool.Add(file)
    return pool


def _read_descriptor_set() -> FileDescriptorSet:
    """Read mesos.binpb, in which each file follows its imports, and add the undeclared fields."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

    shipped = FileDescriptorSet.FromString(_DESCRIPTOR_SET.read_bytes())
    messages = {f"{file.package}.{m.name}": m for file in shipped.file for m in file.message_type}
    for extra in UNDECLARED_FIELDS:
        fields = messages[extra.message].field
        position = 1 + next(i for i, field in enumerate(fields) if field.name == extra.after)
        field = FieldDescriptorProto(
            name=extra.name,
            number=extra.number,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
            type=FieldDescriptorProto.TYPE_BOOL,
        )
        fields.insert(position, field)
    return shipped


def map_value_field(field: FieldDescriptor) -> FieldDescriptor | None:
    """Return the field of a map's values; None if the field is not a map."""
    entry = field.message_type
    if entry is None or not entry.GetOptions().map_entry:
        return None
    return entry.fields_by_name["value"]


def reachable_types(descriptor: Descriptor) -> Iterator[Descriptor]:
    """Iterate over a message type and all types that its fields can contain, each one once.

    The entries of maps are message types too.
    """
    pending, seen = [descriptor], {descriptor.full_name}
    while pending:
        current = pending.pop()
        yield current
        for field in current.fields:
            inner = field.message_type
            if inner is not None and inner.full_name not in seen:
                seen.add(inner.full_name)
                pending.append(inner)


class ChildMessage(NamedTuple):
    """A message inside another one.

    `position` is its index in a list, or in the sorted keys of a map; None in a singular field.
    `key` is its key in a map, else None.
    """

    field: FieldDescriptor
    message: Message
    position: int | None = None
    key: Any = None


def child_messages(message: Message) -> Iterator[ChildMessage]:
    """Iterate over the messages that the set fields of a message directly contain."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if not field.is_repeated:
            yield ChildMessage(field, value)
        elif (map_value := map_value_field(field)) is None:
            for position, element in enumerate(value):
                yield ChildMessage(field, element, position)
        elif map_value.message_type is not None:
            for position, key in enumerate(sorted(value)):
                yield ChildMessage(field, value[key], position, key)
