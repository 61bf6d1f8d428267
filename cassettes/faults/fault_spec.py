"""Faults of a replay as text: parsing, validation and formatting.

    [CALL[#WHICH]:]KIND[=VALUE][@WHICH]

    cut-record@3                 the third record of every stream is cut
    SUBSCRIBE#1:cut-record@3     only in the first SUBSCRIBE; the next one is undamaged
    scheduler.ACCEPT:503@1-2     the first two ACCEPT calls are refused
    master:late=2.5@10%          one in ten calls to the operator API is answered late

CALL is a call type, an API, both (`scheduler.SUBSCRIBE`), or the path of another request
(`/version`). WHICH is a number from 1, a range `2-4`, an open range `3+`, or a share `20%` drawn
from the seed; the default is all. After `@` it selects records of each stream, or calls if the
fault is one of calls; after `#` it selects the calls whose streams are damaged. Kinds and their
values are in kinds.py.
"""

import re
from collections.abc import Sequence
from math import isfinite

from msgspec import Struct

from ...proto.api.apis import APIS, CALL_NAMES
from ...proto.http.address import is_authority
from ..format.closest_word import nearest_hint
from .kinds import FAULT_KINDS, FaultKind, FaultUnit
from .selector import SELECT_ALL, Selector, parse_selector

_SPEC = re.compile(
    r"(?:(?P<call>[^:=@#]*)(?:#(?P<calls>[^:=@#]*))?:)?"
    r"(?P<kind>[^:=@#]*)(?:=(?P<value>[^@]*))?(?:@(?P<which>.*))?",
    re.DOTALL,
)
_SHOWN_LENGTH = 60
_LARGEST = {"BYTES": 1 << 20, "DIGITS": 20, "LENGTH": 10**20, "+N|-N": 10**9}
_LONGEST_SECONDS = 86400.0

type FaultValue = float | int | str | None
"""Seconds, a number of bytes or digits, a length, an authority, or none."""


class FaultError(ValueError):
    """An invalid fault; the text says what was expected."""


class Fault(Struct, frozen=True, kw_only=True):
    """One fault. Equal faults have the same text, and parsing it gives the fault again.

    `call` is empty for all calls; `selector` counts records or calls, as the kind's scope says.
    """

    kind: FaultKind
    value: FaultValue = None
    selector: Selector = SELECT_ALL
    call: str = ""
    call_selector: Selector = SELECT_ALL

    @property
    def effective_value(self) -> FaultValue:
        """The value, or the default of the kind; None if the seed decides."""
        return self.kind.default if self.value is None else self.value

    def is_for(self, api: str, call: str, path: str) -> bool:
        """Return whether it applies to a request; `api` and `call` are empty if that is no call."""
        return self.call in ("", path) or (bool(api) and self.call in (api, call, f"{api}.{call}"))

    def __str__(self) -> str:
        calls = "" if self.call_selector == SELECT_ALL else f"#{self.call_selector}"
        prefix = f"{self.call}{calls}:" if self.call or calls else ""
        value = "" if self.value is None else f"={_format_value(self.value, self.kind.unit)}"
        selector = "" if self.selector == SELECT_ALL else f"@{self.selector}"
        return f"{prefix}{self.kind.name}{value}{selector}"


def parse_fault(text: str) -> Fault:
    """Parse a fault. Raises FaultError."""
    match = _SPEC.fullmatch(text)
    try:
        if match is None:
            raise FaultError("expected [CALL[#WHICH]:]KIND[=VALUE][@WHICH], like cut-record@3")
        kind = _find_kind(match["kind"])
        fault = Fault(
            kind=kind,
            value=_parse_value(kind, match["value"]),
            selector=_parse_which(match["which"], "@"),
            call=_check_call(match["call"] or "", kind),
            call_selector=_parse_which(match["calls"], "#"),
        )
        if kind.scope == "call" and fault.call_selector != SELECT_ALL:
            prefix = f"{fault.call}:" if fault.call else ""
            raise FaultError(
                f"{kind.name} is a fault of calls; write {prefix}{kind.name}@{fault.call_selector}"
            )
    except FaultError as error:
        raise FaultError(f"fault {_shorten(text)}: {error}") from None
    return fault


def parse_faults(texts: Sequence[str]) -> list[Fault]:
    """Parse several faults, or one given as a string. Raises FaultError."""
    return [parse_fault(text) for text in ([texts] if isinstance(texts, str) else texts)]


def _find_kind(name: str) -> FaultKind:
    if name not in FAULT_KINDS:
        hint = nearest_hint(name, FAULT_KINDS) or "; `mesotape replay --list-faults` lists them all"
        raise FaultError(f"there is no fault {_shorten(name)!r}{hint}")
    return FAULT_KINDS[name]


def _parse_which(text: str | None, mark: str) -> Selector:
    if text is None:
        return SELECT_ALL
    try:
        return parse_selector(text)
    except ValueError as error:
        raise FaultError(f"after {mark}: found {_shorten(text)!r}, {error}") from None


def _parse_value(kind: FaultKind, text: str | None) -> FaultValue:
    if text is None and kind.is_value_required:
        raise FaultError(f"expected {kind.usage}")
    if text is None:
        return None
    if kind.unit is None:
        raise FaultError(f"{kind.name} takes no value, found ={_shorten(text)}")
    try:
        return _parse_unit(text, kind.unit)
    except ValueError:
        raise FaultError(
            f"the value is {_shorten(text)!r}, expected {kind.usage}{_hint(kind.unit)}"
        ) from None


def _parse_unit(text: str, unit: FaultUnit) -> FaultValue:
    """Parse a value of a unit. Raises ValueError."""
    match unit:
        case "SECONDS":
            seconds = float(text)
            if isfinite(seconds) and 0 <= seconds <= _LONGEST_SECONDS:
                return seconds + 0.0
        case "HOST:PORT":
            if is_authority(text):
                return text
        case "+N|-N":
            number = int(text) if re.fullmatch(r"[+-]\d{1,10}", text, re.ASCII) else 0
            if number and abs(number) <= _LARGEST[unit]:
                return number
        case "BYTES" | "DIGITS" | "LENGTH":
            number = int(text) if re.fullmatch(r"\d{1,21}", text, re.ASCII) else -1
            if (unit == "DIGITS") <= number <= _LARGEST[unit]:
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
            return f", from {int(unit == 'DIGITS')} to {_LARGEST[unit]}"


def _format_value(value: float | str, unit: FaultUnit | None) -> str:
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return f"{value:+d}" if unit == "+N|-N" and isinstance(value, int) else str(value)


def _check_call(name: str, kind: FaultKind) -> str:
    """Return the name; it must be a path or a known call, and one with a stream if needed."""
    if not name or name.startswith("/"):
        return name
    if name not in CALL_NAMES:
        hint = nearest_hint(name, CALL_NAMES)
        raise FaultError(f"no v1 API has a call {_shorten(name)!r}{hint}")
    streamed_names = {
        text
        for api in APIS
        for call, call_type in api.call_types.items()
        if call_type.record_message is not None
        for text in (api.name, call, f"{api.name}.{call}")
    }
    if kind.scope == "record" and name not in streamed_names:
        raise FaultError(
            f"{kind.name} is a fault of records, and {name} is not answered by a stream"
        )
    return name


def _shorten(text: str) -> str:
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: _SHOWN_LENGTH + 1])
    return shown if len(shown) <= _SHOWN_LENGTH else f"{shown[:_SHOWN_LENGTH]}…"


class FaultHit(Struct, frozen=True, kw_only=True):
    """One hit of a fault. `exchange` is 0 if the call was not processed.

    `lost_record` is the number of the record that its client cannot get any more, also if it
    subscribes again; 0 for none.
    """

    fault: str
    exchange: int
    call: str
    effect: str
    lost_record: int = 0

    def __str__(self) -> str:
        place = f"exchange {self.exchange}, {self.call}" if self.exchange else self.call
        return f"fault {self.fault} fired: {place}: {self.effect}"
