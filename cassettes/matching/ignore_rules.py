"""What does not count when requests are compared, because it is another in every run.

    ACKNOWLEDGE:acknowledge.uuid     a field of a call, by its path in the message
    ACCEPT:accept.offer_ids[].value  in all elements of a list
    *:framework_id                   of every call that has it
    offer-ids                        ids of a kind, wherever they are; or another name of NAMES
    query.jsonp                      a parameter of a request that is no v1 call

A field that is ignored may be there or not. Of an id that is ignored by the name of its kind only
the value does not count: two offers are not one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import islice
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from ...proto.api.apis import APIS, Api
from ...proto.messages import descriptors
from ...proto.messages.fields import type_enum_name
from ...proto.messages.ids import ID_KINDS, IdKind, copy_messages, id_fields

_SEARCHED = 20_000
_DEPTH = 7
_SHOWN = 100
"""Paths that are looked at to find what may have been meant, steps in the longest of them, and how
much of a rule is shown that fits nothing."""

_PATH = re.compile(r"[A-Za-z0-9_]+(?:\[\])?(?:\.[A-Za-z0-9_]+(?:\[\])?)*")

_KINDS: dict[str, tuple[str, IdKind | tuple[str, ...]]] = {
    f"{kind}s": (f"every {kind.replace('-', ' ')} in a call", kind)
    for kind in sorted(set(ID_KINDS.values()))
}
_RULES: dict[str, tuple[str, IdKind | tuple[str, ...]]] = {
    "filters": (
        "how long a scheduler refuses what it declines",
        (
            "ACCEPT:accept.filters",
            "DECLINE:decline.filters",
            "ACCEPT_INVERSE_OFFERS:accept_inverse_offers.filters",
            "DECLINE_INVERSE_OFFERS:decline_inverse_offers.filters",
        ),
    ),
    "metrics-timeout": ("how long GET_METRICS may take", ("GET_METRICS:get_metrics.timeout",)),
    "timestamps": ("when an executor says that a status came", ("UPDATE:update.status.timestamp",)),
}

NAMED_RULES = _KINDS | _RULES
"""What is volatile by nature, by name: what it is in words, and a kind of id or rules."""


class IgnoreError(ValueError):
    """A rule that fits nothing; the text says what may have been meant."""


class IgnoreRules:
    """Rules by API and call. Raises IgnoreError for a rule that fits no call."""

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self._kinds = set[IdKind]()
        self._paths: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self._parameters = set[str]()
        for rule in [rules] if isinstance(rules, str) else rules:
            self._add(rule)

    def comparable_calls(self, calls: tuple[Message, ...], api: Api) -> tuple[Message, ...]:
        """Give calls without what does not count; those given stay as they are."""
        if not self._kinds and not self._paths:
            return calls
        return tuple(self._counts(call, api) for call in calls)

    def comparable_query(self, query: str) -> str:
        """Give a query without the parameters that do not count."""
        if not self._parameters:
            return query
        parts = query.split("&")
        return "&".join(p for p in parts if p.partition("=")[0] not in self._parameters)

    def _counts(self, call: Message, api: Api) -> Message:
        paths = self._paths.get((api.name, type_enum_name(call) or ""), ())
        if not self._kinds and not paths:
            return call
        (copy,) = copy_messages((call,))
        for path in paths:
            _clear(copy, path)
        if self._kinds:
            for slot in id_fields(copy):
                if slot.kind in self._kinds:
                    slot.blank()
        return copy

    def _add(self, rule: str) -> None:
        kind, colon, path = rule.partition(":")
        if rule in NAMED_RULES:
            _, what = NAMED_RULES[rule]
            if isinstance(what, tuple):
                for each in what:
                    self._add(each)
            else:
                self._kinds.add(what)
        elif rule.startswith("query.") and rule != "query.":
            self._parameters.add(rule.removeprefix("query."))
        elif colon:
            self._add_path(rule, kind, path)
        else:
            text = f"expected TYPE:path, query.NAME or one of {', '.join(NAMED_RULES)}"
            raise IgnoreError(f"ignore {_cut(rule)}: {text}{_nearest(rule, NAMED_RULES)}")

    def _add_path(self, rule: str, kind: str, path: str) -> None:
        apis = [api for api in APIS if kind in ("*", *api.call_types)]
        if not apis:
            near = _nearest(kind, [name for api in APIS for name in api.call_types])
            raise IgnoreError(f"ignore {_cut(rule)}: no v1 API has a call {_cut(kind)!r}{near}")
        if not _PATH.fullmatch(path):
            text = f"{_cut(path)!r} is no path, expected one like accept.offer_ids[].value"
            raise IgnoreError(f"ignore {_cut(rule)}: {text}")
        steps = tuple(path.replace("[]", "").split("."))
        fitting = [api for api in apis if _fits(_descriptor(api), steps, path)]
        if not fitting:
            raise IgnoreError(f"ignore {_cut(rule)}: {_no_path(apis, kind, path)}")
        for api in fitting:
            for name in api.call_types if kind == "*" else (kind,):
                self._paths.setdefault((api.name, name), []).append(steps)


IGNORE_NOTHING = IgnoreRules()
"""Ignores nothing."""


def _descriptor(api: Api) -> Descriptor:
    return cast("Descriptor", descriptors.message_class(api.call_message).DESCRIPTOR)


def _clear(message: Message, path: Sequence[str]) -> None:
    name, *rest = path
    if not rest:
        message.ClearField(name)
        return
    field = cast("FieldDescriptor", message.DESCRIPTOR.fields_by_name[name])
    if not field.is_repeated:
        if message.HasField(name):
            _clear(getattr(message, name), rest)
        return
    held = getattr(message, name)
    for child in [held[key] for key in held] if _is_map(field) else held:
        _clear(child, rest)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _held(field: FieldDescriptor) -> Descriptor | None:
    """The message type of a field's values."""
    held = field.message_type
    return held.fields_by_name["value"].message_type if held and _is_map(field) else held


def _fits(of: Descriptor, steps: Sequence[str], path: str) -> bool:
    """Whether a path leads to a field; `[]` stands behind lists only, and may be left out."""
    held: Descriptor | None = of
    for step, written in zip(steps, path.split("."), strict=True):
        field = None if held is None else held.fields_by_name.get(step)
        if field is None or (written.endswith("[]") and not field.is_repeated):
            return False
        held = _held(field)
    return True


def _no_path(apis: Sequence[Api], kind: str, path: str) -> str:
    """Say that nothing is there, and what is near."""
    api = apis[0]
    what = "no v1 call" if kind == "*" else f"{api.name} call {kind}"
    known = islice(_known(_descriptor(api), None if kind == "*" else kind), _SEARCHED)
    last = path.rpartition(".")[2]

    def likeness(other: str) -> float:
        same = other.rpartition(".")[2].removesuffix("[]") == last.removesuffix("[]")
        return SequenceMatcher(None, path[:_SHOWN], other).ratio() + same

    near = max(known, key=likeness, default=None)
    verb = "has" if kind == "*" else "has no"
    return f"{what} {verb} field {_cut(path)}{'' if near is None else f'; the nearest is {near}'}"


def _known(of: Descriptor, kind: str | None) -> Iterator[str]:
    """Paths in a call, the short ones first; of a type's own field and of what all calls have."""
    others = set[str]()
    if kind is not None and (typed := of.fields_by_name.get("type")) is not None:
        assert typed.enum_type is not None
        others = {name.lower() for name in typed.enum_type.values_by_name} - {kind.lower()}
    level = [(field, field.name) for field in of.fields if field.name not in others]
    for _ in range(_DEPTH):
        deeper: list[tuple[FieldDescriptor, str]] = []
        for field, name in level:
            path = f"{name}[]" if field.is_repeated else name
            yield path
            if (held := _held(field)) is not None:
                deeper += [(each, f"{path}.{each.name}") for each in held.fields]
        level = deeper


def _nearest(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word[:_SHOWN], list(known), n=1, cutoff=0.5)
    return f"; the nearest is {near[0]}" if near else ""


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
