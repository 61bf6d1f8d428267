"""What is wrong with events among each other: a greeting that is missing, heartbeats that are.

    master, scheduler    SUBSCRIBED first, then a heartbeat as often as that says (15 s)
    executor             SUBSCRIBED first, then a heartbeat every 30 minutes
    attached output      no greeting; a heartbeat tells when the next one comes

Other traffic does not put a heartbeat off (src/master/master.hpp,
src/slave/constants.hpp), so a silence of more than two
intervals means that something was lost. Instead of a greeting a scheduler may get an ERROR and an
executor a SHUTDOWN.
"""

from typing import Any

from ..api.apis import EXECUTOR, PROCESS_IO, RESOURCE_PROVIDER, SCHEDULER
from .problems import Remark

_EXECUTOR_SECONDS = 1800.0
_INSTEAD = {SCHEDULER.event: "ERROR", EXECUTOR.event: "SHUTDOWN"}


class Rhythm:
    """Looks at the events of one stream, in order; times are seconds."""

    def __init__(self) -> None:
        self.interval: float | None = None
        self._at: float | None = None
        self._begun = False

    def see(
        self, message: str | None, kind: str | None, value: Any, at: float | None
    ) -> list[Remark]:
        """Take the next event."""
        remarks = self._silence(at)
        if not self._begun and message is not None and kind is not None:
            self._begun = True
            greets = message.endswith(".Event")
            if greets and kind not in ("SUBSCRIBED", _INSTEAD.get(message)):
                text = f"{kind} comes before SUBSCRIBED"
                remarks.append(Remark("before-subscribed", text))
        self.interval = _interval(message, kind, value) or self.interval
        return remarks

    def end(self, at: float | None) -> list[Remark]:
        """Take the end of the stream."""
        return self._silence(at)

    def _silence(self, at: float | None) -> list[Remark]:
        last, self._at = self._at, at
        if last is None or at is None or self.interval is None or at - last <= 2 * self.interval:
            return []
        text = f"nothing came for {at - last:.1f} s; heartbeats come every {self.interval:g} s"
        return [Remark("gap", text)]


def _interval(message: str | None, kind: str | None, value: Any) -> float | None:
    if kind == "SUBSCRIBED":
        if message == EXECUTOR.event:
            return _EXECUTOR_SECONDS
        if message == RESOURCE_PROVIDER.event:
            return None
        subscribed = getattr(value, "subscribed", None)
        return getattr(subscribed, "heartbeat_interval_seconds", None) or None
    if kind == "CONTROL" and message == PROCESS_IO:
        heartbeat = getattr(getattr(value, "control", None), "heartbeat", None)
        nanoseconds = getattr(getattr(heartbeat, "interval", None), "nanoseconds", None)
        return nanoseconds / 1e9 if nanoseconds else None
    return None
