"""Rules for what equal requests get after the last recorded answer (`--repeat`).

    last     a request that only reads gets the last answer again; a mutating call is a miss
    cycle    the answers start again from the first
    never    a miss: each answer is given once

A rule is for all requests, `last`, or for the calls of one type, `GET_TASKS=cycle`. A mutating call
that is named gets its last answer again, too: `DECLINE=last`.
"""

from collections.abc import Iterable
from typing import Literal, cast, get_args

from ...proto.api.apis import APIS
from ..format.closest_word import nearest_hint
from .shortening import truncate

type RepeatMode = Literal["last", "cycle", "never"]

_MODES: tuple[str, ...] = get_args(RepeatMode.__value__)
_MAX_RULE_CHARACTERS = 60
"""Characters of a wrong rule in an error text."""


class RepeatError(ValueError):
    """A rule that is not valid. The text has the rule and what was expected."""


class RepeatRules:
    """Repeat modes for all requests and for call types. The last of two rules for the same wins.

    Raises RepeatError for a rule that is not valid.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self._default: RepeatMode = "last"
        self._by_call: dict[str, RepeatMode] = {}
        for rule in [rules] if isinstance(rules, str) else rules:
            call_name, equals_sign, mode = rule.rpartition("=")
            if mode not in _MODES:
                text = f"expected {', '.join(_MODES)}, or one of them for a call: GET_TASKS=cycle"
                raise RepeatError(f"repeat {_cut(rule)}: {text}")
            if equals_sign:
                _check_call_name(rule, call_name)
                self._by_call[call_name] = cast("RepeatMode", mode)
            else:
                self._default = cast("RepeatMode", mode)

    def mode_for(self, call_name: str | None, *, mutating: bool) -> RepeatMode:
        """Return the mode for calls of a type, or for a plain request if it is None."""
        if call_name is not None and call_name in self._by_call:
            return self._by_call[call_name]
        return "never" if mutating and self._default == "last" else self._default


def _check_call_name(rule: str, call_name: str) -> None:
    known = {name for api in APIS for name in api.call_types}
    if call_name not in known:
        hint = nearest_hint(call_name, known)
        raise RepeatError(f"repeat {_cut(rule)}: no v1 API has a call {_cut(call_name)!r}{hint}")


def _cut(text: str) -> str:
    return truncate(text, _MAX_RULE_CHARACTERS)
