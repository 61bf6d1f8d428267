"""Faults that a replay is to make, and how they are written.

    [CALL[#WHICH]:]KIND[=VALUE][@WHICH]

    cut-record@3                 the third record of every stream is cut
    SUBSCRIBE#1:cut-record@3     only of the first SUBSCRIBE, so that the next one is sound
    scheduler.ACCEPT:503@1-2     the first two times, ACCEPT is refused
    master:late=2.5@10%          one in ten calls to the operator API is answered late

CALL is a call's type, an API, both (`scheduler.SUBSCRIBE`), or the path of another request
(`/version`). WHICH is a number from 1 on, a range `2-4`, all from there on `3+`, or a share `20%`
that the seed decides; without it, all. Behind `@` it counts the records of each stream, or, if the
fault is one of a call, the calls. Kinds and their values are in fault_kinds.py.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from math import isfinite

from msgspec import Struct

from ...proto.api.apis import APIS
from ...proto.http import redirects
from .kinds import FAULT_KINDS, FaultKind, FaultUnit
from .selector import SELECT_ALL, Selector
from .selector import parse_selector as read_which

_SPEC = re.compile(
    r"(?:(?P<call>[^:=@#]*)(?:#(?P<calls>[^:=@#]*))?:)?"
    r"(?P<kind>[^:=@#]*)(?:=(?P<value>[^@]*))?(?:@(?P<which>.*))?",
    re.DOTALL,
)
_SHOWN = 60
_MOST = {"BYTES": 1 << 20, "DIGITS": 20, "LENGTH": 10**20, "+N|-N": 10**9}
_LONGEST_SECONDS = 86400.0

type FaultValue = float | int | str | None


class FaultError(ValueError):
    """A fault that makes no sense; the text says what was expected."""


class Fault(Struct, frozen=True, kw_only=True):
    """One fault. Its text is the same for equal faults."""

    kind: FaultKind
    value: FaultValue = None
    selector: Selector = SELECT_ALL
    call: str = ""
    call_selector: Selector = SELECT_ALL

    @property
    def effective_value(self) -> FaultValue:
        """Its value, or what counts without one."""
        return self.kind.default if self.value is None else self.value

    def is_for(self, api: str, call: str, path: str) -> bool:
        """Whether it is for a call of an API, or for a plain request (both empty) to a path."""
        return self.call in ("", path) or (bool(api) and self.call in (api, call, f"{api}.{call}"))

    def __str__(self) -> str:
        calls = "" if self.call_selector == SELECT_ALL else f"#{self.call_selector}"
        of = f"{self.call}{calls}:" if self.call or calls else ""
        value = "" if self.value is None else f"={_shown(self.value, self.kind.unit)}"
        selector = "" if self.selector == SELECT_ALL else f"@{self.selector}"
        return f"{of}{self.kind.name}{value}{selector}"


def parse_fault(text: str) -> Fault:
    """Read a fault. Raises FaultError."""
    found = _SPEC.fullmatch(text)
    try:
        if found is None:
            raise FaultError("expected [CALL[#WHICH]:]KIND[=VALUE][@WHICH], like cut-record@3")
        kind = _kind(found["kind"])
        fault = Fault(
            kind=kind,
            value=_value(kind, found["value"]),
            selector=_which(found["which"], "@"),
            call=_call(found["call"] or "", kind),
            call_selector=_which(found["calls"], "#"),
        )
        if kind.scope == "call" and fault.call_selector != SELECT_ALL:
            of = f"{fault.call}:" if fault.call else ""
            raise FaultError(
                f"{kind.name} strikes calls; write {of}{kind.name}@{fault.call_selector}"
            )
    except FaultError as error:
        raise FaultError(f"fault {_cut(text)}: {error}") from None
    return fault


def parse_faults(texts: Sequence[str]) -> list[Fault]:
    """Read several, or one that stands alone. Raises FaultError."""
    return [parse_fault(text) for text in ([texts] if isinstance(texts, str) else texts)]


def _kind(name: str) -> FaultKind:
    if name not in FAULT_KINDS:
        near = _nearest(name, FAULT_KINDS) or "; `mesotape replay --list-faults` explains them all"
        raise FaultError(f"there is no fault {_cut(name)!r}{near}")
    return FAULT_KINDS[name]


def _which(text: str | None, mark: str) -> Selector:
    if text is None:
        return SELECT_ALL
    try:
        return read_which(text)
    except ValueError as error:
        raise FaultError(f"behind {mark} stands {_cut(text)!r}: {error}") from None


def _value(kind: FaultKind, text: str | None) -> FaultValue:
    if text is None and kind.is_value_required:
        raise FaultError(f"expected {kind.usage}")
    if text is None:
        return None
    if kind.unit is None:
        raise FaultError(f"{kind.name} has no value, found ={_cut(text)}")
    try:
        return _read(text, kind.unit)
    except ValueError:
        raise FaultError(
            f"the value is {_cut(text)!r}, expected {kind.usage}{_hint(kind.unit)}"
        ) from None


def _read(text: str, unit: FaultUnit) -> FaultValue:
    """Read a value. Raises ValueError."""
    match unit:
        case "SECONDS":
            seconds = float(text)
            if isfinite(seconds) and 0 <= seconds <= _LONGEST_SECONDS:
                return seconds + 0.0
        case "HOST:PORT":
            if redirects.parse_authority(text) is not None:
                return text
        case "+N|-N":
            number = int(text) if re.fullmatch(r"[+-]\d{1,10}", text, re.ASCII) else 0
            if number and abs(number) <= _MOST[unit]:
                return number
        case "BYTES" | "DIGITS" | "LENGTH":
            number = int(text) if re.fullmatch(r"\d{1,21}", text, re.ASCII) else -1
            if (unit == "DIGITS") <= number <= _MOST[unit]:
                return number
    raise ValueError(text)


def _hint(unit: FaultUnit) -> str:
    match unit:
        case "SECONDS":
            return f", from 0 to {_LONGEST_SECONDS:.0f}"
        case "HOST:PORT":
            return ", like 127.0.0.1:5050"
        case "+N|-N":
            return ", like +1 or -2"
        case "BYTES" | "DIGITS" | "LENGTH":
            return f", from {int(unit == 'DIGITS')} to {_MOST[unit]}"


def _shown(value: float | str, unit: FaultUnit | None) -> str:
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return f"{value:+d}" if unit == "+N|-N" and isinstance(value, int) else str(value)


def _call(name: str, kind: FaultKind) -> str:
    """Check what a fault is for: there has to be such a call, and a stream if it needs one."""
    if not name or name.startswith("/"):
        return name
    known = {text for api in APIS for call in api.call_types for text in _names(api.name, call)}
    if name not in known:
        near = _nearest(name, known)
        raise FaultError(f"no v1 API has a call {_cut(name)!r}{near}")
    streams = {
        text
        for api in APIS
        for call, type_ in api.call_types.items()
        if type_.record_message is not None
        for text in _names(api.name, call)
    }
    if kind.scope == "record" and name not in streams:
        raise FaultError(f"{kind.name} strikes records, and {name} is not answered by a stream")
    return name


def _names(api: str, call: str) -> tuple[str, str, str]:
    return api, call, f"{api}.{call}"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word[:_SHOWN], sorted(known), n=1, cutoff=0.5)
    return f"; the nearest is {near[0]}" if near else ""


def _cut(text: str) -> str:
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: _SHOWN + 1])
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


class FaultHit(Struct, frozen=True, kw_only=True):
    """One strike of a fault, at a call. `exchange` is 0 if the call was not taken."""

    fault: str
    exchange: int
    call: str
    effect: str

    def __str__(self) -> str:
        at = f"exchange {self.exchange}, {self.call}" if self.exchange else self.call
        return f"fault {self.fault} struck: {at}: {self.effect}"
