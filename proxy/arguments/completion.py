"""What a shell completes as values: cassettes, paces, rules, faults, types of calls and events.

A function here is the `shell_complete` of an option or argument. What it needs is imported when a
shell asks.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, override

import click

from ...cassettes.storage.part_names import CASSETTE_SUFFIXES
from .path_type import PathType

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

type Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]


class CassettePathType(PathType):
    """The path of a cassette."""

    @override
    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """List cassettes."""
        return complete_cassettes(incomplete)


CASSETTE_PATH_TYPE = CassettePathType(path_type=Path)


def complete_cassettes(incomplete: str) -> "list[CompletionItem[str]]":
    """List the cassettes whose paths begin so; folders are left to the shell."""
    from click.shell_completion import CompletionItem

    folder, name = os.path.split(incomplete)
    names = (each.name for each in _entries(Path(folder or ".").expanduser()))
    found = [
        os.path.join(folder, each)  # noqa: PTH118 - it keeps ./ and ~/ as they were typed
        for each in sorted(names)
        if each.startswith(name) and each.endswith(CASSETTE_SUFFIXES)
    ]
    # In bash, this one has to come first: it clears what comes before.
    return [
        CompletionItem(incomplete, type="dir"),
        *(CompletionItem(each) for each in found),
    ]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _values(values: Callable[[], Iterable[tuple[str, str | None]]]) -> Completer:
    """Return a function that selects the values which begin with the typed text."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(value, help=text)
            for value, text in values()
            if value.startswith(incomplete)
        ]

    return complete


def _call_types() -> list[tuple[str, str | None]]:
    from ...proto.api.apis import APIS

    return [(name, None) for name in sorted({each for api in APIS for each in api.call_types})]


def _event_types() -> list[tuple[str, str | None]]:
    from ...proto.api.event_types import event_type_names

    return [(name, None) for name in sorted(event_type_names())]


def _requirements() -> list[tuple[str, str | None]]:
    return [("any", None), ("all", None), ("none", None), *_call_types()]


def _repeats() -> list[tuple[str, str | None]]:
    types = ["", *(f"{name}=" for name, _ in _call_types())]
    return [(f"{name}{rule}", None) for name in types for rule in ("last", "cycle", "never")]


def _ignores() -> list[tuple[str, str | None]]:
    from ...cassettes.matching.ignore_rules import NAMED_RULES

    return [(name, rule[0]) for name, rule in NAMED_RULES.items()]


def _redaction_rules() -> list[tuple[str, str | None]]:
    from ...cassettes.redaction.rules import ALWAYS_ON, PLACE_RULES, RULE_IDS

    return [(rule, PLACE_RULES.get(rule)) for rule in RULE_IDS if rule not in ALWAYS_ON]


def _faults() -> list[tuple[str, str | None]]:
    """List kinds, and calls, after which kinds are completed."""
    return [*_fault_kinds(), *((f"{call}:", None) for call, _ in _call_types())]


def _fault_kinds() -> list[tuple[str, str | None]]:
    from ...cassettes.faults.kinds import FAULT_KINDS

    return [
        (f"{kind.name}=" if kind.is_value_required else kind.name, kind.client_effect)
        for kind in FAULT_KINDS.values()
    ]


def complete_faults(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> "list[CompletionItem[str]]":
    """List the kinds of faults, also after a call and a colon."""
    call, colon, _ = incomplete.rpartition(":")
    if not colon:
        return _values(_faults)(ctx, param, incomplete)
    of_call = [(f"{call}:{name}", text) for name, text in _fault_kinds()]
    return _values(lambda: of_call)(ctx, param, incomplete)


complete_call_types = _values(_call_types)
complete_event_types = _values(_event_types)
complete_requirements = _values(_requirements)
complete_repeats = _values(_repeats)
complete_ignores = _values(_ignores)
complete_redaction_rules = _values(_redaction_rules)
