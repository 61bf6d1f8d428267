"""Options of a replay."""

from collections.abc import Sequence

from msgspec import Struct

from ..answers.pace import Pace, Recorded
from ..causality.causality import CausalityMode
from ..faults.fault_spec import parse_faults
from ..matching.ignore_rules import IgnoreRules
from ..matching.repeat_rules import RepeatRules
from ..redaction.rules import OwnRule


class Options(Struct, frozen=True, kw_only=True):
    """Options of a replay. Raises ValueError for invalid rules or faults.

    `ignore` has rules for the parts of requests that are not compared (ignore_rules.py), `repeat`
    those for the answer after the last recorded one (repeat_rules.py). With `rebind`, ids of this
    run stand for recorded ones (rebinding/). With `causality`, events wait for the calls that were
    recorded before them: those of the same client, of `all` clients, or none (causality.py).
    `faults` (fault_spec.py) depend on `seed` where they leave something open. `own_rules` are rules
    of redaction that the recorder was given; the secrets that they find are not compared.
    """

    pace: Pace = Recorded()
    ignore: Sequence[str] = ()
    repeat: Sequence[str] = ()
    rebind: bool = False
    causality: CausalityMode = "party"
    faults: Sequence[str] = ()
    seed: int = 0
    own_rules: Sequence[OwnRule] = ()

    def __post_init__(self) -> None:
        parse_faults(self.faults)
        IgnoreRules(self.ignore)
        RepeatRules(self.repeat)
