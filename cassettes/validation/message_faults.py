"""The place of a fault in a message that is written as JSON, as a path of names and indexes."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ...proto.messages import mapping
from ...proto.messages.descriptors import map_value_field, message_class
from ...proto.shown_text import quote_start
from ..format.closest_word import closest_word
from ..format.documents import NodePath

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

type _UnknownMember = tuple[NodePath, "Descriptor", str | None]
"""Its path, the message that lacks it, and the field whose name is similar."""

_MISSPELT = 0.75
"""The least similarity of a name and a misspelling of it."""

_PATH_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_MAX_UNKNOWN = 20
"""Unknown members of one message that are reported."""


def fault_member(text: str, message: str) -> NodePath:
    """Return the path of the first member that does not fit a message; empty: the message."""
    value: Any = None
    try:
        value = msgspec.json.decode(text)
        mapping.message_from_json_value(value, message)
    except mapping.MissingFieldsError as error:
        return _parse_path(str(error).partition(": ")[2].partition(", ")[0])
    except mapping.ConversionError:
        return _misfit(value, _descriptor(message))
    except (ValueError, RecursionError):
        pass
    return ()


def enum_member(text: str) -> NodePath:
    """Return the path in the text about an unknown value of an enum, such as `type is 'X', …`."""
    place = text.partition(" is ")[0]
    return _parse_path(place) if " " not in place else ()


def unknown_members(text: str, message: str, *, only_misspelt: bool) -> list[tuple[NodePath, str]]:
    """Return the members of JSON that the schema lacks, each with a text.

    A later version of Mesos may have a field that has the name of none here. With `only_misspelt`,
    such a field is left out.
    """
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return []
    found = (
        (path, f"{_shown(path)}: {of.full_name} has no such field{_hint(near)}")
        for path, of, near in _unknown_members(value, _descriptor(message), ())
        if near is not None or not only_misspelt
    )
    return list(islice(found, _MAX_UNKNOWN))


def _hint(near: str | None) -> str:
    return f"; the nearest is `{near}`" if near else ""


def _parse_path(text: str) -> NodePath:
    return tuple(int(index) if index else name for index, name in _PATH_PART.findall(text))


def _descriptor(message: str) -> "Descriptor":
    return cast("Descriptor", message_class(message).DESCRIPTOR)


def _misfit(value: Any, of: "Descriptor") -> NodePath:
    if not isinstance(value, dict):
        return ()
    for name, member in cast("dict[str, Any]", value).items():
        if (field := of.fields_by_name.get(name)) is None:
            continue
        try:
            mapping.message_from_json_value({name: member}, of.full_name)
        except mapping.MissingFieldsError:
            continue
        except (mapping.ConversionError, RecursionError):
            return (name, *_misfit_within(member, field))
    return ()


def _misfit_within(member: Any, field: "FieldDescriptor") -> NodePath:
    if field.message_type is None or map_value_field(field) is not None:
        return ()
    if not isinstance(member, list):
        return _misfit(member, field.message_type)
    for index, item in enumerate(cast("list[Any]", member)):
        if path := _misfit(item, field.message_type):
            return (index, *path)
    return ()


def _unknown_members(value: Any, of: "Descriptor", path: NodePath) -> Iterator[_UnknownMember]:
    if not isinstance(value, dict):
        return
    for name, member in cast("dict[str, Any]", value).items():
        place = (*path, name)
        field = of.fields_by_name.get(name)
        if field is None:
            yield place, of, closest_word(name, of.fields_by_name, cutoff=_MISSPELT)
        elif field.message_type is not None:
            yield from _unknown_within(member, field, place)


def _unknown_within(
    member: Any, field: "FieldDescriptor", path: NodePath
) -> Iterator[_UnknownMember]:
    map_value = map_value_field(field)
    of = cast("Descriptor", field.message_type)
    if map_value is not None:
        if map_value.message_type is not None and isinstance(member, dict):
            for key, item in cast("dict[str, Any]", member).items():
                yield from _unknown_members(item, map_value.message_type, (*path, key))
    elif isinstance(member, list):
        for index, item in enumerate(cast("list[Any]", member)):
            yield from _unknown_members(item, of, (*path, index))
    else:
        yield from _unknown_members(member, of, path)


def _shown(path: NodePath) -> str:
    text = "".join(
        f"[{part}]" if isinstance(part, int) else f".{quote_start(part)}" for part in path
    )
    return text.removeprefix(".")
