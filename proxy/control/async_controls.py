"""The methods of a player that wait, as coroutines, for asyncio and trio.

    await mesotape.aio.await_call("ACCEPT")

They run in the player's thread, with its event loop; here a task waits for their result. anyio runs
on one of the two libraries, so it is supported, too.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from functools import wraps
from typing import Any, Concatenate

from .controls import ReplayControls
from .server_thread import EXPECTED_ERRORS, ServerThread

_CLOSED = "the player was closed during the call"


def _awaiting[**P, T](
    method: Callable[Concatenate[ReplayControls, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["AsyncControls", P], Coroutine[Any, Any, T]]:
    """Return a coroutine method that waits for a coroutine of the controls."""

    @wraps(method, assigned=("__name__", "__doc__"))
    async def call(controls: "AsyncControls", *args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        thread = controls._thread  # pyright: ignore[reportPrivateUsage]
        future = thread.submit(lambda each: method(each, *args, **kwargs))
        try:
            return await _result(future)
        except EXPECTED_ERRORS as error:
            raise error.with_traceback(None) from None

    return call


class AsyncControls:
    """What a task can wait for. A task that is cancelled no longer waits."""

    def __init__(self, thread: ServerThread) -> None:
        self._thread = thread

    await_call = _awaiting(ReplayControls.await_call)
    await_events = _awaiting(ReplayControls.await_events)
    advance = _awaiting(ReplayControls.advance)
    reset = _awaiting(ReplayControls.reset)


async def _result[T](future: Future[T]) -> T:
    __tracebackhide__ = True
    trio = sys.modules.get("trio")
    # asyncio comes second, because its loop also runs in a task of trio in guest mode.
    if trio is not None and trio.lowlevel.in_trio_task():
        try:
            return await trio.to_thread.run_sync(future.result, abandon_on_cancel=True)
        except CancelledError:
            raise RuntimeError(_CLOSED) from None
        finally:
            future.cancel()
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RuntimeError(_CLOSED) from None
