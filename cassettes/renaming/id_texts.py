r"""Ids in texts, by their form and by the fields that they are in.

    e569076e-deef-4401-a45a-d2f47ce055ff-S0      an agent: the id of a master, and a number
    e569076e-deef-4401-a45a-d2f47ce055ff-0001    a framework
    e569076e-deef-4401-a45a-d2f47ce055ff-O17     an offer
    "task_id": {"value": "app.e569076e-…"}       what a client has chosen
    "uuid": "4hVQX0vJQ5mXhF0nq1GHfg=="           16 bytes, of a status update

The text of a message in protobuf is JSON, too, so the same expressions find the ids of both
encodings; those of the first three forms are found in paths and headers as well.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import UUID

import msgspec

from ...proto.api.apis import APIS
from ...proto.messages.descriptors import message_class, reachable_types
from ...proto.messages.ids import ID_KINDS

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

MESOS_SUFFIX = re.compile(r"-(?:(S)|(O))?[0-9]+(?![0-9A-Za-z])")
TOKEN_CHARACTERS = re.compile(r"[\w.-]*", re.ASCII)

_UUID_FIELD = re.compile(
    r'"(?:\w*_)?uuid"\s*:\s*(?:\{\s*"value"\s*:\s*)?"([A-Za-z0-9+/\\]{22,33}==)"'
)
_UNREADABLE = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{8}")


class FoundId(NamedTuple):
    """An id in a text: what it is the id of, and its value."""

    noun: str
    value: str


def field_ids(text: str) -> Iterator[FoundId]:
    """Return the ids in the fields of a message that is shown as JSON."""
    for match in _id_field().finditer(text):
        key, raw = match.groups()
        yield FoundId(_nouns()[key], unescape(raw))


def uuid_fields(text: str) -> Iterator[str]:
    """Return the base64 of the uuids in the fields of a message."""
    return (match[1].replace("\\/", "/") for match in _UUID_FIELD.finditer(text))


def replace_uuid_fields(text: str, names: dict[str, str]) -> str:
    """Return a text with other uuids in its fields."""

    def replaced(match: re.Match[str]) -> str:
        name = names.get(match[1].replace("\\/", "/"))
        return match[0] if name is None else match[0].replace(match[1], name)

    return _UUID_FIELD.sub(replaced, text)


def is_readable(value: str) -> bool:
    """Return whether an id has neither a UUID nor eight hexadecimal digits in a row."""
    return _UNREADABLE.search(value) is None


def token_around(text: str, begin: int, end: int) -> tuple[int, int]:
    """Return where the word around a part of a text begins and ends."""
    stop = TOKEN_CHARACTERS.match(text, end)
    before = TOKEN_CHARACTERS.match(text[max(0, begin - 256) : begin][::-1])
    return begin - (before.end() if before else 0), stop.end() if stop else end


def numbered_uuid(number: int) -> str:
    """Return a UUID of version 4 that shows a number: clients parse ids of streams and statuses."""
    return f"00000000-0000-4000-8000-{number:012d}"


def is_numbered_uuid(text: str) -> bool:
    """Return whether a UUID is one that `numbered_uuid` returns."""
    return text.startswith("00000000-0000-4000-")


def base64_of(uuid: str) -> str:
    """Return the base64 of the bytes of a UUID."""
    return b64encode(UUID(uuid).bytes).decode()


def uuid_of(base64: str) -> str | None:
    """Return the UUID with these bytes; None if there are not sixteen."""
    try:
        return str(UUID(bytes=b64decode(base64, validate=True)))
    except ValueError:
        return None


def unescape(raw: str) -> str:
    """Return what a string of JSON stands for, or itself if it is none."""
    if "\\" not in raw:
        return raw
    try:
        return msgspec.json.decode(f'"{raw}"', type=str)
    except msgspec.DecodeError:
        return raw


@cache
def _id_field() -> re.Pattern[str]:
    names = "|".join(sorted(_nouns()))
    return re.compile(rf'"({names})"\s*:\s*\[?\s*\{{\s*"value"\s*:\s*"((?:[^"\\]|\\.)*)"')


@cache
def _nouns() -> dict[str, str]:
    """Return what the fields of the schema that are ids are ids of; `id` may be of anything."""
    nouns = {"parent": "container", "id": "id"}
    for api in APIS:
        for name in (api.call_message, api.event_message, api.response_message):
            if name is None:
                continue
            for descriptor in reachable_types(cast("Descriptor", message_class(name).DESCRIPTOR)):
                for field in descriptor.fields:
                    of = None if field.message_type is None else field.message_type.full_name
                    if of in ID_KINDS and ID_KINDS[of] != "uuid":
                        nouns.setdefault(field.name, ID_KINDS[of].removesuffix("-id"))
    return nouns
