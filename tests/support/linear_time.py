"""Whether a function takes linear time: twice the input, at most twice the time."""

import contextlib
import gc
import time
from collections.abc import Callable

_ALLOWED_RATIO = 2 * 1.3
_IGNORED_SECONDS = 0.05
"""Shorter times are those of the machine, not of the function."""

_ROUNDS = 5


def is_linear(parse: Callable[[bytes], object], unit: bytes, size: int) -> bool:
    """Measure again if the ratio is too large, which other programs on the machine cause, too."""
    half, whole = (unit * (length // len(unit)) for length in (size // 2, size))
    for _ in range(_ROUNDS):
        whole_seconds = _seconds(parse, whole)
        if whole_seconds < _IGNORED_SECONDS:
            return True
        if whole_seconds < _ALLOWED_RATIO * _seconds(parse, half):
            return True
    return False


def find_slow(
    parse: Callable[[bytes], object], units: list[bytes], sizes: tuple[int, ...]
) -> list[tuple[bytes, int]]:
    """Return the units of which inputs take too long, each with the first size that does.

    The sizes go up: what is quadratic would not end with the largest.
    """
    return [
        (unit, size)
        for unit in units
        for size in next(([size] for size in sizes if not is_linear(parse, unit, size)), [])
    ]


def _seconds(parse: Callable[[bytes], object], data: bytes) -> float:
    # A full collection of all that the tests have loaded would take longer.
    gc.disable()
    try:
        started = time.process_time()
        with contextlib.suppress(ValueError):
            parse(data)
        return time.process_time() - started
    finally:
        gc.enable()
