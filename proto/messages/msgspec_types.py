"""Messages as types that a JSON decoder checks while it decodes: fast, and stricter than Mesos.

What fits the shape of a message, Mesos takes, and with the same meaning. What does not fit may
still be taken: for that, and for what is wrong, ask `mapping`. So a sound record costs one pass:

    shape("mesos.v1.master.Event").decode(b'{"type":"HEARTBEAT"}').type  ->  "HEARTBEAT"

Unknown names are skipped, enums are their names, and what is not there is None.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from .descriptors import message_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import FieldDescriptor

_DEEPEST = 3
"""How often a message may be inside its own kind (ContainerID.parent); deeper does not fit."""


@cache
def msgspec_decoder(full_name: str) -> msgspec.json.Decoder[Any]:
    """Make the decoder of a message. Raises LookupError if there is no such message."""
    return msgspec.json.Decoder(_Builder().struct(message_class(full_name).DESCRIPTOR, ()))


class _Builder:
    def __init__(self) -> None:
        self._made: dict[tuple[str, int], type[msgspec.Struct]] = {}

    def struct(self, told: Any, inside: tuple[str, ...]) -> type[msgspec.Struct]:
        inside = (*inside, told.full_name)
        key = told.full_name, inside.count(told.full_name)
        if key not in self._made:
            fields: Sequence[FieldDescriptor] = told.fields
            required = [(one.name, self._type(one, inside)) for one in fields if one.is_required]
            others = [
                (one.name, self._type(one, inside) | None, None)
                for one in fields
                if not one.is_required
            ]
            self._made[key] = msgspec.defstruct(told.name, [*required, *others], gc=False)
        return self._made[key]

    def _type(self, field: FieldDescriptor, inside: tuple[str, ...]) -> Any:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            return dict[str, self._single(entry.fields_by_name["value"], inside)]
        one = self._single(field, inside)
        return list[one] if field.is_repeated else one

    def _single(self, field: FieldDescriptor, inside: tuple[str, ...]) -> Any:
        if field.enum_type is not None:
            return Literal[tuple(value.name for value in field.enum_type.values)]
        if field.message_type is not None:
            if inside.count(field.message_type.full_name) >= _DEEPEST:
                return type(None)
            return self.struct(field.message_type, inside)
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
