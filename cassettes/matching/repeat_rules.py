"""What equal requests get after the last recorded answer to them.

    last     what only reads gets the last answer again; what changes something is a miss
    cycle    the first answer again, and so on
    never    nothing: each answer is given once

For all, or for the calls of a type: `last`, `GET_TASKS=cycle`. Who names a call that changes
something has its last answer given again, too: `DECLINE=last`.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, cast, get_args

from ...proto.api.apis import APIS

type RepeatMode = Literal["last", "cycle", "never"]

_WORDS: tuple[str, ...] = get_args(RepeatMode.__value__)
_SHOWN = 60


class RepeatError(ValueError):
    """A rule that makes no sense; the text says what was expected."""


class RepeatRules:
    """Rules for all requests and for call types; of two for the same, the last one counts.

    Raises RepeatError for what is no rule.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self._all: RepeatMode = "last"
        self._of: dict[str, RepeatMode] = {}
        for rule in [rules] if isinstance(rules, str) else rules:
            call, named, word = rule.rpartition("=")
            if word not in _WORDS:
                text = f"expected {', '.join(_WORDS)}, or one of them for a call: GET_TASKS=cycle"
                raise RepeatError(f"repeat {rule[:_SHOWN]}: {text}")
            if named:
                self._of[_known(rule, call)] = cast("RepeatMode", word)
            else:
                self._all = cast("RepeatMode", word)

    def mode_for(self, call: str | None, *, mutating: bool) -> RepeatMode:
        """What becomes of a call of a type, or of a plain request."""
        if call is not None and call in self._of:
            return self._of[call]
        return "never" if mutating and self._all == "last" else self._all


def _known(rule: str, call: str) -> str:
    names = {name for api in APIS for name in api.call_types}
    if call not in names:
        near = get_close_matches(call[:_SHOWN], sorted(names), n=1)
        meant = f"; the nearest is {near[0]}" if near else ""
        raise RepeatError(f"repeat {rule[:_SHOWN]}: no v1 API has a call {call[:_SHOWN]!r}{meant}")
    return call
