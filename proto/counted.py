"""Numbers of things, as people write them."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 exchange`, `2 exchanges`, `0 exchanges`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def was(count: int) -> str:
    """Return the verb that follows `counted`: `1 call was`, `2 calls were`."""
    return "was" if count == 1 else "were"
