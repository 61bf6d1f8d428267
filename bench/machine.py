"""How slow this machine is, beside the one on which the targets were set.

A target in microseconds would be missed by every slower machine, so what was measured is divided by
the slowness: the time of a loop that does what Python programs do (numbers, bytes, a dictionary),
beside its time there. It is measured anew before each round, by CPU time, so that a machine that
changes its speed does not change the verdict.
"""

import time

REFERENCE_SECONDS = 0.0038
_STEPS = 20_000


def slowness() -> float:
    """Return 1 for the machine of the targets, 2 for one of half its speed."""
    return min(_loop_seconds() for _ in range(3)) / REFERENCE_SECONDS


def _loop_seconds() -> float:
    before = time.process_time()
    seen = dict[bytes, int]()
    for number in range(_STEPS):
        key = b"%d" % (number & 1023)
        seen[key] = seen.get(key, 0) + len(key)
    return time.process_time() - before
