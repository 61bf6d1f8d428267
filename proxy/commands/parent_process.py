"""The process that started this one: a server that nobody can stop any more should not go on.

Whoever wants a server to live on says so in the usual ways: `nohup` has it ignore SIGHUP, and a
script that starts it in the background with `&` has it ignore SIGINT (POSIX, Shell Command
Language, 2.11). A server that was orphaned before it could look is watched no more than one that
the init process started.
"""

import asyncio
import os
import signal

_LOOK_SECONDS = 0.5


def is_watched(asked: bool | None) -> bool:
    """Whether to end with the parent; None leaves it to how this process was started."""
    if asked is not None:
        return asked
    return not any(
        signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGHUP, signal.SIGINT)
    )


async def gone() -> int:
    """Wait until the parent is gone, and give its process id."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(_LOOK_SECONDS)
    return parent
