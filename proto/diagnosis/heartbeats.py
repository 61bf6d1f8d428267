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
from .problems import Diagnostic

_EXECUTOR_SECONDS = 1800.0
_INSTEAD = {SCHEDULER.event_message: "ERROR", EXECUTOR.event_message: "SHUTDOWN"}


class HeartbeatMonitor:
    """Looks at the events of one stream, in order; times are seconds."""

    def __init__(self) -> None:
        self.interval: float | None = None
        self._at: float | None = None
        self._begun = False

    def observe_event(
        self, message: str | None, event_type: str | None, value: Any, at_seconds: float | None
    ) -> list[Diagnostic]:
        """Take the next event."""
        remarks = self._silence(at_seconds)
        if not self._begun and message is not None and event_type is not None:
            self._begun = True
            greets = message.endswith(".Event")
            if greets and event_type not in ("SUBSCRIBED", _INSTEAD.get(message)):
                text = f"{event_type} comes before SUBSCRIBED"
                remarks.append(Diagnostic("before-subscribed", text))
        self.interval = _interval(message, event_type, value) or self.interval
        return remarks

    def observe_end(self, at_seconds: float | None) -> list[Diagnostic]:
        """Take the end of the stream."""
        return self._silence(at_seconds)

    def _silence(self, at: float | None) -> list[Diagnostic]:
        last, self._at = self._at, at
        if last is None or at is None or self.interval is None or at - last <= 2 * self.interval:
            return []
        text = f"nothing came for {at - last:.1f} s; heartbeats come every {self.interval:g} s"
        return [Diagnostic("gap", text)]


def _interval(message: str | None, kind: str | None, value: Any) -> float | None:
    if kind == "SUBSCRIBED":
        if message == EXECUTOR.event_message:
            return _EXECUTOR_SECONDS
        if message == RESOURCE_PROVIDER.event_message:
            return None
        subscribed = getattr(value, "subscribed", None)
        return getattr(subscribed, "heartbeat_interval_seconds", None) or None
    if kind == "CONTROL" and message == PROCESS_IO:
        heartbeat = getattr(getattr(value, "control", None), "heartbeat", None)
        nanoseconds = getattr(getattr(heartbeat, "interval", None), "nanoseconds", None)
        return nanoseconds / 1e9 if nanoseconds else None
    return None
