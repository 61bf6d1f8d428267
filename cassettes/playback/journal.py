"""The journal of a replay: what was served, what was refused, and what was missed."""

from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from ...proto.api.refusals import Refusal
from ..faults.fault_spec import Strike
from ..format.exchange_ref import Place
from ..matching.misses import Miss

_KEPT = 1000
"""A client that retries for ever must not fill the memory; the counts go on counting."""

_TOLD = 20
"""Strikes of a fault that are told one by one; all are counted."""


class Refused(Struct, frozen=True):
    """A request that got the refusal of Mesos, because nothing recorded answers it."""

    refusal: Refusal
    miss: Miss

    def __str__(self) -> str:
        return f"refused as Mesos does, {self.refusal}\n  {self.miss}"


class Journal:
    """Counts by exchange, and the first refusals and misses in full.

    `lost` are the paths of what transcoding the answers of an exchange left out, and `struck`
    counts the strikes of each fault. `tell` is called with a text for people for every refusal, for
    the first strikes of a fault, and the first time that an exchange loses something.
    """

    def __init__(self) -> None:
        self.served = Counter[Place]()
        self.refusals: list[Refused] = []
        self.refused = 0
        self.misses: list[Miss] = []
        self.missed = 0
        self.lost: dict[Place, set[str]] = {}
        self.strikes: list[Strike] = []
        self.struck = Counter[str]()
        self.tell: Callable[[str], object] | None = None

    @property
    def answers(self) -> int:
        """How many requests were answered from the recording."""
        return self.served.total()

    def serve(self, place: Place) -> None:
        """Take down an answer."""
        self.served[place] += 1

    def refuse(self, refused: Refused) -> None:
        """Take down a refusal."""
        self.refused += 1
        if len(self.refusals) < _KEPT:
            self.refusals.append(refused)
        self._say(str(refused))

    def miss(self, miss: Miss) -> None:
        """Take down a miss."""
        self.missed += 1
        if len(self.misses) < _KEPT:
            self.misses.append(miss)

    def strike(self, strike: Strike) -> None:
        """Take down what a fault did."""
        self.struck[strike.fault] += 1
        if len(self.strikes) < _KEPT:
            self.strikes.append(strike)
        if self.struck[strike.fault] <= _TOLD:
            self._say(str(strike))

    def lose(self, place: Place, paths: tuple[str, ...]) -> None:
        """Take down what transcoding left out."""
        if place not in self.lost:
            self.lost[place] = set()
            names = ", ".join(paths)
            self._say(f"exchange {place.exchange}: left out in the other encoding: {names}")
        self.lost[place].update(paths)

    def absorb(self, other: "Journal") -> None:
        """Take over what another one has taken down."""
        self.served.update(other.served)
        self.refused += other.refused
        self.refusals += other.refusals[: _KEPT - len(self.refusals)]
        self.missed += other.missed
        self.misses += other.misses[: _KEPT - len(self.misses)]
        self.struck.update(other.struck)
        self.strikes += other.strikes[: _KEPT - len(self.strikes)]
        for place, paths in other.lost.items():
            self.lost.setdefault(place, set()).update(paths)

    def _say(self, text: str) -> None:
        if self.tell is not None:
            self.tell(text)
