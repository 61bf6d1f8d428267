"""JSON decoders for messages: fast, and stricter than Mesos.

    msgspec_decoder("mesos.v1.master.Event").decode(b'{"type":"HEARTBEAT"}').type  ->  "HEARTBEAT"

Text that such a decoder accepts, Mesos accepts too, with the same meaning. Text that it refuses,
Mesos may still accept: use `mapping` to find out, and for the error. So a valid record takes one
pass. Unknown members are skipped, an enum is the name of its value, and absent members are None.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from .descriptors import map_value_field, message_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_MAX_NESTING = 3
"""How often a message may contain its own type (ContainerID.parent); deeper text is refused."""


@cache
def msgspec_decoder(
    full_name: str, *, refuse_unknown_members: bool = False
) -> msgspec.json.Decoder[Any]:
    """Return the decoder of a message. Raises LookupError if there is no such message."""
    descriptor = cast("Descriptor", message_class(full_name).DESCRIPTOR)
    builder = _TypeBuilder(refuse_unknown_members=refuse_unknown_members)
    return msgspec.json.Decoder(builder.struct(descriptor, ()))


class _TypeBuilder:
    """Builds a struct for each message type and each number of times that it contains itself.

    `outer` has the full names of the types around a field, from the outermost on.
    """

    def __init__(self, *, refuse_unknown_members: bool) -> None:
        self._refuse_unknown_members = refuse_unknown_members
        self._structs: dict[tuple[str, int], type[msgspec.Struct]] = {}

    def struct(self, descriptor: Descriptor, outer: tuple[str, ...]) -> type[msgspec.Struct]:
        outer = (*outer, descriptor.full_name)
        key = descriptor.full_name, outer.count(descriptor.full_name)
        if key not in self._structs:
            fields: Sequence[FieldDescriptor] = descriptor.fields
            required = [(one.name, self._type(one, outer)) for one in fields if one.is_required]
            optional = [
                (one.name, self._type(one, outer) | None, None)
                for one in fields
                if not one.is_required
            ]
            self._structs[key] = msgspec.defstruct(
                descriptor.name,
                [*required, *optional],
                gc=False,
                forbid_unknown_fields=self._refuse_unknown_members,
            )
        return self._structs[key]

    def _type(self, field: FieldDescriptor, outer: tuple[str, ...]) -> Any:
        map_value = map_value_field(field)
        if map_value is not None:
            return dict[str, self._element_type(map_value, outer)]
        element_type = self._element_type(field, outer)
        return list[element_type] if field.is_repeated else element_type

    def _element_type(self, field: FieldDescriptor, outer: tuple[str, ...]) -> Any:
        if field.enum_type is not None:
            return Literal[tuple(value.name for value in field.enum_type.values)]
        if field.message_type is not None:
            if outer.count(field.message_type.full_name) >= _MAX_NESTING:
                return type(None)
            return self.struct(field.message_type, outer)
        match field.type:
            case field.TYPE_STRING:
                return str
            case field.TYPE_BYTES:
                return bytes
            case field.TYPE_BOOL:
                return bool
            case field.TYPE_DOUBLE | field.TYPE_FLOAT:
                return float
            case _:
                return int
