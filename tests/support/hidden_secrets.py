"""Hypothesis strategies for values with secrets at random places, and for bodies made of them."""

import json
import random
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

from mesotape.proto.messages.wire_format import encode_varint

type Json = str | int | bool | list[Json] | dict[str, Json] | None

_NAMES = ("password", "DB_PASSWORD", "apiKey", "X-Auth-Token", "client.secret", "sid", "jwt2")
_WORDS = ("a", "name", "value", "tasks", "key", "x y", "ä", "😀", "\n", "\\", '"', "/", "%41", "")
WORD = st.sampled_from(_WORDS) | st.text("äλж 𝄞", max_size=4)
NAME = st.sampled_from(_NAMES)

_SIGNS = string.ascii_letters + string.digits + "+/=!%~^*._-"


def _random_secret(seed: int) -> str:
    numbers = random.Random(seed)
    return f"k{''.join(numbers.choices(_SIGNS, k=numbers.randint(12, 40)))}X9"


SECRET = st.integers(0, 2**32).map(_random_secret)
"""Any secret begins and ends with a letter or digit, as nothing around it is one."""


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


PLACES: dict[str, Callable[[str, str], Json]] = {
    "member": lambda name, secret: {name: secret},
    "label": lambda name, secret: {"key": name, "value": secret},
    "label after its value": lambda name, secret: {"value": secret, "a": "b", "name": name},
    "list": lambda name, secret: {name: ["no", secret]},
    "variable": lambda _, secret: {"variables": [{"name": "A", "value": secret}]},
    "secret": lambda _, secret: {"secret": {"value": {"data": _base64(secret)}}},
    "environment": lambda _, secret: {"env": {"A": secret}},
    "arguments": lambda _, secret: {"command": {"arguments": ["run", "--x", secret]}},
    "query": lambda name, secret: f"see /x?a=b&{name}={quote_plus(secret)}&c=d",
    "URL": lambda _, secret: f"at amqp://u:{quote(secret, safe='')}@mq:5672/v and more",
    "assignment": lambda name, secret: f'log: {name}="{secret}" and more',
    "bearer": lambda _, secret: f"Authorization: Bearer {_base64(secret)} and more",
    "JSON": lambda name, secret: json.dumps({"a": [{name: secret}]}),
    "JSON in JSON": lambda name, secret: json.dumps([json.dumps({name: secret})]),
    "file": lambda name, secret: {"read_file": {"data": _base64(f"a\n{name}: '{secret}'\n")}},
}
"""Values in which a secret is one by its place, its name or its form."""

PLACES_IN_MESSAGES = ("member", "query", "URL", "assignment", "bearer", "JSON", "JSON in JSON")
"""Those that are known in a message of any type."""

PLACES_IN_TEXTS = ("member", "query", "URL", "assignment", "bearer")
"""Those that are known in a text that is not JSON."""

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": lambda secret: json.dumps(json.dumps(secret)),
    "percent": lambda secret: quote(secret, safe=""),
    "base64": _base64,
    "base64 for URLs": lambda secret: urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "shifted": lambda secret: _base64(f"a {secret} b"),
    "shifted again": lambda secret: _base64(f"ab {secret} b"),
    "twice": lambda secret: _base64(_base64(secret)),
}
"""Ways in which a known secret is written again, in a place that says nothing."""


class HiddenSecrets(NamedTuple):
    """A value, and the secrets in it."""

    value: Json
    secrets: list[str]


@st.composite
def hidden_secrets(draw: st.DrawFn, places: tuple[str, ...] = tuple(PLACES)) -> HiddenSecrets:
    """A value with one to three secrets, some of them once more elsewhere."""
    secrets = draw(st.lists(SECRET, min_size=1, max_size=3, unique=True))
    parts: list[Json] = [draw(values())]
    for secret in secrets:
        place = PLACES[draw(st.sampled_from(places))]
        spelling = SPELLINGS[draw(st.sampled_from(sorted(SPELLINGS)))]
        parts.append(draw(wrapped(place(draw(NAME), secret))))
        parts.append(draw(wrapped(f"x {spelling(secret)} y")))
    return HiddenSecrets(draw(st.permutations(parts)), secrets)


def values() -> st.SearchStrategy[Json]:
    """Values without secrets."""
    scalars = WORD | st.integers(-(2**40), 2**40) | st.booleans() | st.none()
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
        max_leaves=6,
    )


@st.composite
def wrapped(draw: st.DrawFn, value: Json) -> Json:
    """A value in up to three objects and lists, beside others."""
    for _ in range(draw(st.integers(0, 3))):
        others = draw(st.lists(values(), max_size=2))
        if draw(st.booleans()):
            value = draw(st.permutations([*others, value]))
        else:
            members = [(f"m{number}", other) for number, other in enumerate([*others, value])]
            value = dict(draw(st.permutations(members)))
    return value


def to_json(value: Json, indent: int | None, *, is_ascii: bool) -> str:
    """Format a value as JSON."""
    return json.dumps(value, indent=indent, ensure_ascii=is_ascii)


def to_message(value: Json) -> bytes:
    """Encode a value as protobuf: a member of an object is a message of its name and its value."""
    match value:
        case dict():
            return b"".join(
                _field(7, _field(1, key.encode()) + _field(2, _content(inner)))
                for key, inner in value.items()
            )
        case list():
            return b"".join(_field(3, _content(inner)) for inner in value)
        case _:
            return _field(4, _content(value))


def _content(value: Json) -> bytes:
    match value:
        case str():
            return value.encode()
        case dict() | list():
            return to_message(value)
        case _:
            return b"\x08\x01"


def _field(number: int, content: bytes) -> bytes:
    return encode_varint(number << 3 | 2) + encode_varint(len(content)) + content
