"""The settings of a test: those of the marker, over those of the fixture `mesotape_config`.

    @pytest.mark.mesotape("two.yaml", pace="step", ignore=["offer-ids"], strict=False)

Names of cassettes are relative to the cassette folder; without a name, the test's own name is used.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from ...cassettes.answers.pace import parse_pace
from ...cassettes.causality.causality import CausalityMode
from ...cassettes.format.closest_word import closest_word
from ...cassettes.playback.playback import Options
from ...cassettes.playback.requirement import parse_requirement
from ...cassettes.scanning.rule_files import read_rules
from ...cassettes.storage.opening import missing_file_text
from ...proto.api.apis import ServerKind
from .blocked_network import NetworkBlock

_UNSAFE = re.compile(r"[^\w.\[\]-]", re.ASCII)
_MAX_NAME_CHARACTERS = 150
"""Of a file name made from the name of a test; file systems allow 255 bytes."""

type OneOrMore = str | list[str]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to play for a test; the fields are options of `mesotape replay`.

    With `strict`, a test fails for requests without a recorded answer, for calls that its client
    left out, for faults that never fired, and for exchanges that it did not use although it
    `require`s them. A `manual` `clock` is moved by `advance`. With `block_network`, the test
    process reaches loopback and `allowed_hosts` alone. `server`, `upstream`, `no_redact` and
    `redact_data` are for recording, and `redact_rules` for both.
    """

    pace: str = "instant"
    speed: float | None = None
    max_gap: float | None = None
    start_at: float = 0.0
    causality: CausalityMode = "party"
    ignore: OneOrMore = []
    repeat: OneOrMore = []
    rebind: bool = False
    fault: OneOrMore = []
    seed: int = 0
    require: OneOrMore = "any"
    strict: bool = True
    clock: str | None = None
    block_network: bool = False
    allowed_hosts: OneOrMore = []
    server: ServerKind = "master"
    upstream: str | None = None
    redact_rules: str | None = None
    no_redact: OneOrMore = []
    redact_data: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown clock or requirement."""
        parse_requirement(self.require)
        if self.clock not in (None, "manual"):
            raise ValueError(f"clock is {self.clock!r}, expected 'manual'")

    def network_block(self) -> NetworkBlock | None:
        """Return what blocks the network, if the settings ask for it."""
        return NetworkBlock(_as_tuple(self.allowed_hosts)) if self.block_network else None

    def recording_options(self) -> list[str]:
        """Return the options of `mesotape record` for redaction."""
        words = [] if self.redact_rules is None else ["--redact-rules", self.redact_rules]
        for rule in _as_tuple(self.no_redact):
            words += ["--no-redact", rule]
        return [*words, "--redact-data"] if self.redact_data else words

    def playback_options(self) -> Options:
        """Return the options of the playback. Raises ValueError for a bad value."""
        pace = parse_pace(self.pace, speed=self.speed, max_gap=self.max_gap, start_at=self.start_at)
        return Options(
            pace=pace,
            causality=self.causality,
            ignore=_as_tuple(self.ignore),
            repeat=_as_tuple(self.repeat),
            rebind=self.rebind,
            faults=_as_tuple(self.fault),
            seed=self.seed,
            own_rules=() if self.redact_rules is None else read_rules(Path(self.redact_rules)),
        )


def merge_settings(layers: Sequence[Mapping[str, Any]], root: Path = Path()) -> Settings:
    """Merge settings; later ones win. Raises ValueError, which names the setting.

    The file of `redact_rules` is relative to `root`.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update(layer)
    known = Settings.__struct_fields__
    for name in merged:
        if name not in known:
            near = closest_word(str(name), known, cutoff=0.6)
            hint = f", did you mean {near}" if near else ""
            raise ValueError(f"there is no {name}{hint}? It takes {', '.join(known)}")
    if isinstance(rules := merged.get("redact_rules"), str | PurePath):
        merged["redact_rules"] = str(root / rules)
    try:
        return msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$.")
        raise ValueError(f"{path.rstrip('`')}: {problem}" if path else problem) from None


def default_cassette_name(node: pytest.Item) -> str:
    """Return the file name of a test's own cassette: of the names of its classes and its own."""
    classes = [each.name for each in node.listchain() if isinstance(each, pytest.Class)]
    return f"{cassette_file_name('.'.join([*classes, node.name]))}.yaml"


def cassette_file_name(test: str) -> str:
    """Return a safe file name for the cassette of a test; different tests get different names."""
    safe = _UNSAFE.sub("-", test)[:_MAX_NAME_CHARACTERS]
    return safe if safe == test else f"{safe}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"


def _as_tuple(value: OneOrMore) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def similar_name_hint(cassette: Path) -> str:
    """Return `; foo.yaml differs …` for a cassette that is not there; empty if none is similar."""
    return missing_file_text(cassette).removeprefix("there is no such file")
