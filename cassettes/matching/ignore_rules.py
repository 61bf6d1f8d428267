"""Rules for what is ignored when requests are compared, because it differs in every run.

    ACKNOWLEDGE:acknowledge.uuid     a field of a call, by its path in the message
    ACCEPT:accept.offer_ids[].value  a field in all elements of a list
    *:framework_id                   a field of every call that has it
    offer-ids                        all ids of a kind, or another name of NAMED_RULES
    query.jsonp                      a parameter of a request that is not a v1 call
    OFFERS:offers.offers[].hostname  a field of an event or an answer, where these are compared

A field that is ignored by its path may be present or absent. If ids are ignored by name, only
their values are: a call with two offers does not match one with a single offer.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import islice
from typing import TYPE_CHECKING, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from ...proto.api.apis import APIS, Api
from ...proto.messages import descriptors
from ...proto.messages.defaults import without_defaults
from ...proto.messages.fields import type_enum_name
from ...proto.messages.ids import ID_KINDS, IdKind, copy_messages, id_fields
from ..format.closest_word import nearest_hint
from .shortening import truncate

if TYPE_CHECKING:
    from ..redaction.comparing import SecretComparison

_MAX_PATHS = 20_000
_MAX_STEPS = 7
"""Paths that are compared to find the nearest one, and steps in the longest of them."""

_MAX_RULE_CHARACTERS = 100
"""Characters of a wrong rule in an error text."""

_PATH = re.compile(r"[A-Za-z0-9_]+(?:\[\])?(?:\.[A-Za-z0-9_]+(?:\[\])?)*")

_ID_RULES: dict[str, tuple[str, IdKind | tuple[str, ...]]] = {
    f"{kind}s": (f"every {kind.replace('-', ' ')} in a call", kind)
    for kind in sorted(set(ID_KINDS.values()))
}
_FIELD_RULES: dict[str, tuple[str, IdKind | tuple[str, ...]]] = {
    "filters": (
        "how long a scheduler refuses declined offers",
        (
            "ACCEPT:accept.filters",
            "DECLINE:decline.filters",
            "ACCEPT_INVERSE_OFFERS:accept_inverse_offers.filters",
            "DECLINE_INVERSE_OFFERS:decline_inverse_offers.filters",
        ),
    ),
    "metrics-timeout": ("how long GET_METRICS may take", ("GET_METRICS:get_metrics.timeout",)),
    "timestamps": (
        "timestamps in the status updates of an executor",
        ("UPDATE:update.status.timestamp",),
    ),
}

NAMED_RULES = _ID_RULES | _FIELD_RULES
"""Rules that have a name, with a description: all ids of a kind, or the paths of fields."""


class IgnoreError(ValueError):
    """A rule that fits nothing. The text has the rule and the nearest one that fits."""


class IgnoreRules:
    """The ignored fields, by API and call. Raises IgnoreError for a rule that fits no call.

    With `secrets`, of secrets only their places are compared. With `with_answers`, a rule may also
    name a field of events and answers, by their type.
    """

    def __init__(
        self,
        rules: Iterable[str] = (),
        secrets: "SecretComparison | None" = None,
        *,
        with_answers: bool = False,
    ) -> None:
        self._secrets = secrets
        self._answers = _answer_descriptors() if with_answers else []
        self._answer_paths: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self._id_kinds = set[IdKind]()
        self._paths: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self._parameters = set[str]()
        for rule in [rules] if isinstance(rules, str) else rules:
            self._add(rule)

    @property
    def is_empty(self) -> bool:
        """True if nothing of a call is ignored."""
        return self._secrets is None and not self._id_kinds and not self._paths

    def comparable_calls(self, calls: tuple[Message, ...], api: Api) -> tuple[Message, ...]:
        """Return calls of an API without what is ignored or set to its default.

        The given messages are not changed.
        """
        if self._id_kinds or self._paths:
            calls = tuple(self._comparable_call(call, api) for call in calls)
        calls = without_defaults(calls)
        return calls if self._secrets is None else self._secrets.comparable_calls(calls)

    def drop_from_answer(self, message: Message) -> None:
        """Remove what is ignored from an event or the message of an answer."""
        name = cast("Descriptor", message.DESCRIPTOR).full_name
        for path in self._answer_paths.get((name, type_enum_name(message) or ""), ()):
            _clear(message, path)
        self._blank_ids(message)

    def comparable_body(self, body: bytes) -> bytes:
        """Return the body of a request that is not a v1 call."""
        return body if self._secrets is None else self._secrets.comparable_body(body)

    def comparable_query(self, query: str) -> str:
        """Return a query, the part of a target after `?`, without the ignored parameters."""
        if self._secrets is not None:
            query = self._secrets.comparable_target("?" + query)[1:]
        if not self._parameters:
            return query
        parts = query.split("&")
        return "&".join(p for p in parts if p.partition("=")[0] not in self._parameters)

    def _comparable_call(self, call: Message, api: Api) -> Message:
        paths = self._paths.get((api.name, type_enum_name(call) or ""), ())
        if not self._id_kinds and not paths:
            return call
        (copy,) = copy_messages((call,))
        for path in paths:
            _clear(copy, path)
        self._blank_ids(copy)
        return copy

    def _blank_ids(self, message: Message) -> None:
        if self._id_kinds:
            for field in id_fields(message):
                if field.kind in self._id_kinds:
                    field.blank()

    def _add(self, rule: str) -> None:
        call_name, colon, path = rule.partition(":")
        if rule in NAMED_RULES:
            _, ignored = NAMED_RULES[rule]
            if isinstance(ignored, tuple):
                for each in ignored:
                    self._add(each)
            else:
                self._id_kinds.add(ignored)
        elif rule.startswith("query.") and rule != "query.":
            self._parameters.add(rule.removeprefix("query."))
        elif colon:
            self._add_path(rule, call_name, path)
        else:
            text = f"expected TYPE:path, query.NAME or one of {', '.join(NAMED_RULES)}"
            raise IgnoreError(f"ignore {_cut(rule)}: {text}{nearest_hint(rule, NAMED_RULES)}")

    def _add_path(self, rule: str, call_name: str, path: str) -> None:
        apis = [api for api in APIS if call_name in ("*", *api.call_types)]
        answers = [each for each in self._answers if call_name in ("*", *_type_names(each))]
        if not apis and not answers:
            names = [name for api in APIS for name in api.call_types]
            names += [name for each in self._answers for name in _type_names(each)]
            what = "call or event" if self._answers else "call"
            text = f"no v1 API has a {what} {_cut(call_name)!r}{nearest_hint(call_name, names)}"
            raise IgnoreError(f"ignore {_cut(rule)}: {text}")
        if not _PATH.fullmatch(path):
            text = f"{_cut(path)!r} is not a path, expected one like accept.offer_ids[].value"
            raise IgnoreError(f"ignore {_cut(rule)}: {text}")
        steps = tuple(path.replace("[]", "").split("."))
        fitting = [api for api in apis if _has_path(_call_descriptor(api), steps, path)]
        fitting_answers = [each for each in answers if _has_path(each, steps, path)]
        if not fitting and not fitting_answers:
            missing = (
                _describe_missing_path(apis, call_name, path)
                if apis
                else f"event {call_name} has no field {_cut(path)}"
            )
            raise IgnoreError(f"ignore {_cut(rule)}: {missing}")
        for each in fitting_answers:
            for name in _type_names(each) if call_name == "*" else (call_name,):
                self._answer_paths.setdefault((each.full_name, name), []).append(steps)
        for api in fitting:
            for name in api.call_types if call_name == "*" else (call_name,):
                self._paths.setdefault((api.name, name), []).append(steps)


IGNORE_NOTHING = IgnoreRules()
"""Ignores nothing."""


def _call_descriptor(api: Api) -> Descriptor:
    return cast("Descriptor", descriptors.message_class(api.call_message).DESCRIPTOR)


def _answer_descriptors() -> list[Descriptor]:
    """Return the types of the messages that servers send."""
    names = [name for api in APIS for name in (api.response_message, api.event_message) if name]
    classes = [descriptors.message_class(name) for name in dict.fromkeys(names)]
    return [cast("Descriptor", each.DESCRIPTOR) for each in classes]


def _type_names(descriptor: Descriptor) -> list[str]:
    """Return the types of the events or answers in a message."""
    enum = descriptor.fields_by_name["type"].enum_type
    return [] if enum is None else [value.name for value in enum.values]


def _clear(message: Message, path: Sequence[str]) -> None:
    name, *rest = path
    if not rest:
        message.ClearField(name)
        return
    for child in descriptors.child_messages(message):
        if child.field.name == name:
            _clear(child.message, rest)


def _value_type(field: FieldDescriptor) -> Descriptor | None:
    """Return the message type of a field, or of the values of a map."""
    return (descriptors.map_value_field(field) or field).message_type


def _has_path(root: Descriptor, steps: Sequence[str], path: str) -> bool:
    """Return whether a path leads to a field. Only lists may have `[]`, but need not have it."""
    message_type: Descriptor | None = root
    for step, written in zip(steps, path.split("."), strict=True):
        field = None if message_type is None else message_type.fields_by_name.get(step)
        if field is None or (written.endswith("[]") and not field.is_repeated):
            return False
        message_type = _value_type(field)
    return True


def _describe_missing_path(apis: Sequence[Api], call_name: str, path: str) -> str:
    api = apis[0]
    any_call = call_name == "*"
    calls = "no v1 call has" if any_call else f"{api.name} call {call_name} has no"
    known = islice(_known_paths(_call_descriptor(api), None if any_call else call_name), _MAX_PATHS)
    last_step = path.rpartition(".")[2]

    def similarity(other: str) -> float:
        is_same = other.rpartition(".")[2].removesuffix("[]") == last_step.removesuffix("[]")
        return SequenceMatcher(None, path[:_MAX_RULE_CHARACTERS], other).ratio() + is_same

    near = max(known, key=similarity, default=None)
    return f"{calls} field {_cut(path)}{'' if near is None else f'; the nearest is {near}'}"


def _known_paths(root: Descriptor, call_name: str | None) -> Iterator[str]:
    """Yield the paths in a call, short ones first: of its own body, and of what all calls have."""
    other_bodies = set[str]()
    if call_name is not None and (type_field := root.fields_by_name.get("type")) is not None:
        assert type_field.enum_type is not None
        bodies = {name.lower() for name in type_field.enum_type.values_by_name}
        other_bodies = bodies - {call_name.lower()}
    level = [(field, field.name) for field in root.fields if field.name not in other_bodies]
    for _ in range(_MAX_STEPS):
        deeper: list[tuple[FieldDescriptor, str]] = []
        for field, name in level:
            path = f"{name}[]" if field.is_repeated else name
            yield path
            if (value_type := _value_type(field)) is not None:
                deeper += [(each, f"{path}.{each.name}") for each in value_type.fields]
        level = deeper


def _cut(text: str) -> str:
    return truncate(text, _MAX_RULE_CHARACTERS)
