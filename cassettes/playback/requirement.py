"""What a replay requires: the recorded exchanges that must have been used when it ends.

    any                     at least one
    all                     every one
    GET_STATE,SUBSCRIBE     every one of these calls
    none                    nothing

A call is written as in a fault: its type, its API, both (`scheduler.SUBSCRIBE`), or the path of
another request (`/version`).
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from ...proto.api.apis import CALL_NAMES
from ..format.closest_word import closest_word
from ..format.exchange_ref import ExchangeRef
from .playback import Playback

_EXPECTED = "expected any, all, none, or calls like GET_STATE,SUBSCRIBE"
_WORDS = ("any", "all", "none")


class Requirement(Struct, frozen=True):
    """What is required; `str()` returns the text that it is parsed from.

    `calls` has names if `amount` is `calls`, and is empty otherwise.
    """

    amount: Literal["any", "all", "none", "calls"] = "any"
    calls: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ",".join(self.calls) or self.amount

    def check(self, playback: Playback) -> None:
        """Raise ValueError if the recording has none of the required calls."""
        if not self.calls:
            return
        recorded = playback.exchanges_by_call
        for call in self.calls:
            if call not in recorded:
                names = sorted(name for name in recorded if name.isupper()) or ["no calls"]
                raise ValueError(
                    f"require {call}: the recording has no such call; it has {', '.join(names)}"
                )

    def unmet(
        self, playback: Playback, unused: Sequence[ExchangeRef], *, is_used: bool
    ) -> list[ExchangeRef] | None:
        """Return the required exchanges among those that were never used; None if it is met.

        `is_used` is true if any request was answered from the recording. If none was, no
        requirement but `none` is met, even of an empty recording.
        """
        if self.amount == "none" or (self.amount == "any" and is_used):
            return None
        if self.amount == "calls":
            by_call = playback.exchanges_by_call
            required = {ref for call in self.calls for ref in by_call[call]}
            return [ref for ref in unused if ref in required] or None
        return None if is_used and not unused else list(unused)


REQUIRE_NONE = Requirement("none")


def parse_requirement(text: str | Sequence[str]) -> Requirement:
    """Parse a word, or names of calls: separated by commas, or as a list. Raises ValueError."""
    parts = text.split(",") if isinstance(text, str) else text
    match names := tuple(name for part in parts if (name := part.strip())):
        case ("any" | "all" | "none" as amount,):
            return Requirement(amount)
        case ():
            raise ValueError(f"require {text!r}: {_EXPECTED}")
        case _:
            return Requirement("calls", tuple(map(_check_name, dict.fromkeys(names))))


def _check_name(name: str) -> str:
    """Return the name of a call, or a path."""
    if name in _WORDS:
        raise ValueError(f"require {name}: it stands alone, not in a list; {_EXPECTED}")
    if name not in CALL_NAMES and not name.startswith("/"):
        near = closest_word(name, [*_WORDS, *sorted(CALL_NAMES)])
        hint = "" if near is None else f" (did you mean {near}?)"
        raise ValueError(f"require {name}: no v1 API has such a call{hint}; {_EXPECTED}")
    return name
