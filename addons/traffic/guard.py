"""The border between the traffic and the recorder: what is raised inside stays inside.

If a hook raises, mitmproxy leaves out the rest of it; if a callback of a body raises, that piece of
the body is lost for the receiver. So each hook, each callback and each timer of the recorder runs
under a guard: bytes first, recording second.
"""

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any


class Guard:
    """Counts errors, and passes a text about the first one to `report`.

    The text has the type of the error and its place, and not its message, which may quote secrets.
    Nothing here raises. `report` may; then the error is only counted.
    """

    def __init__(self, report: Callable[[str], object]) -> None:
        self.count = 0
        self._report = report

    def catch(self, error: Exception) -> None:
        """Count an error that was caught."""
        self.count += 1
        if self.count > 1:
            return
        try:
            self._report(describe_error(error))
        except Exception:
            self.count += 1

    def wrap[**P](
        self, *functions: Callable[P, object], otherwise: Callable[P, object] | None = None
    ) -> Callable[P, None]:
        """Return a function that calls others, one after the other, and never raises.

        `otherwise` is called for each that raises.
        """

        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            for function in functions:
                try:
                    function(*args, **kwargs)
                except Exception as error:
                    self.catch(error)
                    if otherwise is not None:
                        self.wrap(otherwise)(*args, **kwargs)

        return call

    def wrap_async[**P](
        self, function: Callable[P, Awaitable[object]]
    ) -> Callable[P, Coroutine[Any, Any, None]]:
        """Return a coroutine function that calls another one, and never raises."""

        async def call(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                await function(*args, **kwargs)
            except Exception as error:
                self.catch(error)

        return call


def describe_error(error: Exception) -> str:
    """Return the type and the innermost place: `KeyError in group_headers (headers.py:31)`."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    place = f"{Path(code.co_filename).name}:{trace.tb_lineno}"
    return f"{type(error).__name__} in {code.co_name} ({place})"
