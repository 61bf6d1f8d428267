"""The differences of two recordings, as they are reported.

~ exchange 7, scheduler call ACCEPT (a.yaml:120, b.yaml:131)
request.accept.filters.refuse_seconds: 5.0 → 1.0
"""

from typing import Literal

from msgspec import Struct

type DifferenceKind = Literal["missing", "new", "changed", "moved"]
"""Only the first has it; only the second has it; its contents differ; its place differs."""


class FieldChange(Struct, frozen=True):
    """A value that differs, by its path. None stands for a value that is not there."""

    path: str
    first: str | None
    second: str | None


class Place(Struct, frozen=True, omit_defaults=True):
    """A document of a recording: its file and line, its exchange, and its event, if it is one."""

    file: str
    line: int
    exchange: int
    event: int | None = None


class RecordingDifference(Struct, frozen=True, omit_defaults=True):
    """A call or an event that differs.

    `what` is its name, and `call` that of the call whose stream an event belongs to. `after` is the
    nearest one before it that both recordings have. `more` counts the field changes left out.
    """

    kind: DifferenceKind
    what: str
    call: str | None = None
    first: Place | None = None
    second: Place | None = None
    after: str | None = None
    changes: tuple[FieldChange, ...] = ()
    more: int = 0

    @property
    def place(self) -> Place:
        """The place in the second recording; in the first if the second has none."""
        place = self.second or self.first
        assert place is not None
        return place


class Tally(Struct):
    """How many differences there are of each kind, and how much was compared."""

    calls: int = 0
    events: int = 0
    missing: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0

    @property
    def differences(self) -> int:
        """The number of differences."""
        return self.missing + self.new + self.changed + self.moved

    def count(self, difference: RecordingDifference) -> None:
        """Count a difference."""
        setattr(self, difference.kind, getattr(self, difference.kind) + 1)
