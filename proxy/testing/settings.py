"""What a test asks for: the marker, over what `mesotape_config` says for all tests.

    @pytest.mark.mesotape("two.yaml", pace="step", ignore=["offer-ids"], strict=False)

Cassettes are named from their folder on; without a name, the test's own decides.
"""

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from ...cassettes.answers.pace import parse_pace
from ...cassettes.causality.causality import CausalityMode
from ...cassettes.playback.playback import Options
from ...proto.api.apis import ServerKind

_UNSAFE = re.compile(r"[^\w.\[\]-]", re.ASCII)
_LONGEST = 150
"""Characters of a file name made from that of a test; file systems take 255 bytes."""

type Several = str | list[str]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to play for a test, as options of `mesotape replay`.

    With `strict`, what the cassette does not answer fails the test, as do calls that its client
    left out, and faults that never struck. `clock` is `manual` for one that `advance` moves.
    `server` and `upstream` are for recording.
    """

    pace: str = "instant"
    speed: float | None = None
    max_gap: float | None = None
    start_at: float = 0.0
    causality: CausalityMode = "party"
    ignore: Several = []
    repeat: Several = []
    rebind: bool = False
    fault: Several = []
    seed: int = 0
    strict: bool = True
    clock: str | None = None
    server: ServerKind = "master"
    upstream: str | None = None

    def __post_init__(self) -> None:
        """Refuse a clock that there is not."""
        if self.clock not in (None, "manual"):
            raise ValueError(f"clock is {self.clock!r}, expected 'manual'")

    def playback_options(self) -> Options:
        """Say it as a playback takes it. Raises ValueError for what makes no sense."""
        pace = parse_pace(self.pace, speed=self.speed, max_gap=self.max_gap, start_at=self.start_at)
        return Options(
            pace=pace,
            causality=self.causality,
            ignore=_several(self.ignore),
            repeat=_several(self.repeat),
            rebind=self.rebind,
            faults=_several(self.fault),
            seed=self.seed,
        )


def merge_settings(told: Sequence[Mapping[str, Any]]) -> Settings:
    """Read what was asked for, the last word last. Raises ValueError that names what is wrong."""
    said: dict[str, Any] = {}
    for each in told:
        said.update(each)
    known = Settings.__struct_fields__
    for name in said:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            meant = f", did you mean {near[0]}" if near else ""
            raise ValueError(f"there is no {name}{meant}? It takes {', '.join(known)}")
    try:
        return msgspec.convert(said, Settings)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$.")
        raise ValueError(f"{path.rstrip('`')}: {problem}" if path else problem) from None


def cassette_file_name(test: str) -> str:
    """Make a name for a cassette from that of a test, another one for each test."""
    safe = _UNSAFE.sub("-", test)[:_LONGEST]
    return safe if safe == test else f"{safe}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"


def _several(said: Several) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)
