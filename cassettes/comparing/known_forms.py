r"""The forms of documents that were read before, but for their ids and times.

    "task_id": {"value": "t-7"}, "state": "TASK_RUNNING", "timestamp": 1764526342.1

Most documents of a recording differ from others only in ids and times, at places that their text
shows. What is left of the text, with a number for each id, is the key of a form (message_forms.py),
and the ids are those of the document. This takes a tenth of the time to read it.

A form is remembered only if it is certain that it depends on nothing else: if it has the ids of
these places and no others, and was without those that are in names, as that of a task.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from ..format.fast_reader import EVENT_HEAD_PATTERN, EXCHANGE_HEAD_PATTERN
from .message_forms import Mention, MentionedId, MessageForm

SURROUNDING = "\0"
"""Stands for the scope of ids that is not in their message, but that of the stream."""

_MOST_BYTES = 16_384
_MOST_KNOWN = 1 << 14
"""Of some 1 KB each. If there are more, all are forgotten."""

_ID_NAMES = (
    "agent_id|container_id|executor_ids?|framework_id|id|(?:inverse_)?offer_ids?|operation_id|parent"
    "|(?:resource_)?provider_id|task_id"
)
_ID = r'"value"\s*+:\s*+"([ !#-\[\]-~]*+)"'
_NEXT_ID = rf"\s*+\}},\s*+\{{\s*+{_ID}"
_PLACE = re.compile(
    # A quotation mark and a first letter are found fast: this is most of the time for a text.
    r'"(?=[acefioprstu])(?:'
    rf'((?>{_ID_NAMES})"\s*+:\s*+(?:\[\s*+)?\{{\s*+){_ID}((?:{_NEXT_ID.replace("(", "(?:")})*)'
    r'|((?:status_update_)?uuid"\s*+:\s*+)"([A-Za-z0-9+/]{21}[AQgw]==)"'
    r'|(timestamp"\s*+:\s*+)(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,9})?(?=[,\s}]))'.encode()
)
_WIDTH = _PLACE.groups + 1
_FURTHER_IDS = re.compile(_NEXT_ID.encode())
_NAME = re.compile(rb'("(?:name|source)"\s*+:\s*+")((?:[^"\\]|\\.)*+)(?=")')
_HEAD_LINE = re.compile(
    rb'\n(?=[p ])(?:(peer: "[^"\n]*:)[0-9]{1,5}"|(  after: )[0-9.]+'
    rb"|(    Date: )[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
    rb"|(    Mesos-Stream-Id: )[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=\n)"
)


EVENT_HEAD = re.compile(rf"{EVENT_HEAD_PATTERN}(?:chunks: [^\n]*\n)?".encode())
EXCHANGE_HEAD = re.compile(EXCHANGE_HEAD_PATTERN.encode())
_OTHER_BODY = re.compile(rb"\n  (?:text|base64|wire|wire_of|malformed|omitted)\b")


class DividedText(Struct):
    """A text without its ids and times.

    `ids` are the different ids, `found` has the number of one for each place, and `names` counts
    the names with an id in them.
    """

    key: int
    ids: list[bytes]
    found: list[int]
    names: int


class KnownId(Struct, frozen=True):
    """An id of a form: its description, and the numbers of its scope and value in the text.

    The scope is a text instead if it is not in the text.
    """

    mention: Mention
    scope: int | str
    value: int
    is_uuid: bool


class KnownForms[T]:
    """The forms of documents, with what else depends on the same text."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[list[tuple[MessageForm, list[KnownId]]], T]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, text: DividedText, surrounding: str) -> tuple[list[MessageForm], T] | None:
        """Return the forms of a text; None if they are unknown."""
        known = self._known.get(text.key)
        if known is None:
            return None
        values = [each.decode() for each in text.ids]
        forms = [_with_ids(form, ids, values, surrounding) for form, ids in known[0]]
        return forms, known[1]

    def remember(self, text: DividedText, forms: list[MessageForm], rest: T) -> None:
        """Remember the forms of a text if they depend on nothing else."""
        numbers = {value: number for number, value in enumerate(text.ids)}
        known = [(replace(form, ids=[]), _known_ids(form, numbers)) for form in forms]
        found = [each.value for _, ids in known for each in ids or ()]
        if (
            all(ids is not None for _, ids in known)
            and sorted(found) == sorted(text.found)
            and sum(form.names for form in forms) == text.names
        ):
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[text.key] = [(form, ids or []) for form, ids in known], rest


def divide_exchange(text: bytes, server: str | None) -> DividedText | None:
    """Divide the text of an exchange, from the newline before `peer` on; None as for `divide`.

    Left out are also values in its heads that are not compared. A body of JSON has no such lines.
    """
    if _OTHER_BODY.search(text):
        return None
    return divide(_HEAD_LINE.sub(rb"\n\1\2\3\4", text), server)


def divide(text: bytes, context: object) -> DividedText | None:
    """Divide the text of a document; None if it is too long, or written in an unusual way.

    `context` is what its forms depend on besides the text.
    """
    if len(text) > _MOST_BYTES or rb"\u" in text:
        return None
    pieces = _PLACE.split(text)
    ids: dict[bytes, int] = {}
    found: list[int] = []
    for place in range(2, len(pieces), _WIDTH):
        if value := pieces[place]:
            further = pieces[place + 1]
            values = [value, *_FURTHER_IDS.findall(further)] if further else [value]
            if all(values):
                found += [ids.setdefault(each, len(ids)) for each in values]
                pieces[place : place + 2] = 0, len(values)
        elif uuid := pieces[place + 3]:
            found.append(ids.setdefault(uuid, len(ids)))
            pieces[place + 3] = 0
    names = b"\n".join([name for _, name in _NAME.findall(text)])
    names_with_ids = 0
    if any(each in names for each in ids):
        for place in range(0, len(pieces), _WIDTH):
            if (divided := _divide_names(pieces[place], ids)) is None:
                return None
            pieces[place] = divided[0]
            names_with_ids += divided[1]
    return DividedText(hash((context, *pieces, *found)), list(ids), found, names_with_ids)


def with_scope(form: MessageForm, surrounding: str) -> MessageForm:
    """Return a form with the scope that was unknown."""
    ids = [
        (mention, surrounding if scope == SURROUNDING else scope, value)
        for mention, scope, value in form.ids
    ]
    return replace(form, ids=ids)


def _divide_names(piece: bytes, ids: Iterable[bytes]) -> tuple[bytes, int] | None:
    """Remove the ids from the names in a text, and count the names that had one.

    None if a name has two: the form would depend on which is removed first.
    """
    pieces = _NAME.split(piece)
    count = 0
    for place in range(2, len(pieces), 3):
        name = pieces[place]
        inside = [each for each in ids if each in name]
        if len(inside) > 1 or (inside and b"\\" in name):
            return None
        if inside:
            count += 1
            pieces[place] = name.replace(inside[0], b"\0")  # JSON has no such character as it is.
    return b"".join(pieces), count


def _known_ids(form: MessageForm, numbers: dict[bytes, int]) -> list[KnownId] | None:
    """Return the ids of a form by their numbers in a text; None if one is not there."""
    known: list[KnownId] = []
    for mention, scope, value in form.ids:
        number = numbers.get(b64encode(value) if isinstance(value, bytes) else value.encode())
        scope_number = scope if scope in ("", SURROUNDING) else numbers.get(scope.encode())
        if number is None or scope_number is None:
            return None
        known.append(KnownId(mention, scope_number, number, isinstance(value, bytes)))
    return known


def _with_ids(
    form: MessageForm, ids: list[KnownId], values: list[str], surrounding: str
) -> MessageForm:
    """Return a form with the ids of a text."""
    mentioned: list[MentionedId] = []
    for each in ids:
        scope = each.scope
        if isinstance(scope, int):
            scope = values[scope]
        elif scope == SURROUNDING:
            scope = surrounding
        value = values[each.value]
        mentioned.append((each.mention, scope, b64decode(value) if each.is_uuid else value))
    return MessageForm(form.kind, form.label, form.digest, mentioned)
