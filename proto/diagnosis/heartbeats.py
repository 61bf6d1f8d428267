"""Checks of the order and times of events: no SUBSCRIBED first, heartbeats missing.

    master, scheduler    SUBSCRIBED first, then a heartbeat at the interval in it (15 s)
    executor             SUBSCRIBED first, then a heartbeat every 30 minutes
    attached output      no SUBSCRIBED; each heartbeat has the interval until the next one

Mesos sends heartbeats at their interval whatever else it sends (src/master/master.hpp,
src/slave/constants.hpp), so a silence of more than two intervals means that something was lost.
A scheduler may receive an ERROR instead of SUBSCRIBED, and an executor a SHUTDOWN.
"""

from typing import Any

from ..api.apis import EXECUTOR, PROCESS_IO, RESOURCE_PROVIDER, SCHEDULER
from .problems import Diagnostic

_EXECUTOR_SECONDS = 1800.0
_SILENT_INTERVALS = 2
_INSTEAD_OF_SUBSCRIBED = {SCHEDULER.event_message: "ERROR", EXECUTOR.event_message: "SHUTDOWN"}


class HeartbeatMonitor:
    """Checks the events of one stream, in order. Times are seconds; None if they are unknown."""

    def __init__(self) -> None:
        self._interval: float | None = None
        self._last_seconds: float | None = None
        self._has_events = False

    def observe_event(
        self, message: str | None, event_type: str | None, value: Any, at_seconds: float | None
    ) -> list[Diagnostic]:
        """Check the next event, of the message with this full name; return what is wrong.

        `value` is the event as in `PayloadContent`.
        """
        diagnostics = self._check_silence(at_seconds)
        if not self._has_events and message is not None and event_type is not None:
            self._has_events = True
            first_types = ("SUBSCRIBED", _INSTEAD_OF_SUBSCRIBED.get(message))
            if message.endswith(".Event") and event_type not in first_types:
                text = f"{event_type} comes before SUBSCRIBED"
                diagnostics.append(Diagnostic("before-subscribed", text))
        self._interval = _interval_seconds(message, event_type, value) or self._interval
        return diagnostics

    def observe_end(self, at_seconds: float | None) -> list[Diagnostic]:
        """Check the end of the stream; return what is wrong."""
        return self._check_silence(at_seconds)

    def _check_silence(self, at_seconds: float | None) -> list[Diagnostic]:
        last, self._last_seconds = self._last_seconds, at_seconds
        if last is None or at_seconds is None or self._interval is None:
            return []
        silence = at_seconds - last
        if silence <= _SILENT_INTERVALS * self._interval:
            return []
        text = f"no event for {silence:.1f} s; heartbeats are sent every {self._interval:g} s"
        return [Diagnostic("gap", text)]


def _interval_seconds(message: str | None, event_type: str | None, value: Any) -> float | None:
    """Return the interval that an event announces; None if it announces none."""
    if event_type == "SUBSCRIBED":
        if message == EXECUTOR.event_message:
            return _EXECUTOR_SECONDS
        if message == RESOURCE_PROVIDER.event_message:
            return None
        subscribed = getattr(value, "subscribed", None)
        return getattr(subscribed, "heartbeat_interval_seconds", None) or None
    if event_type == "CONTROL" and message == PROCESS_IO:
        heartbeat = getattr(getattr(value, "control", None), "heartbeat", None)
        nanoseconds = getattr(getattr(heartbeat, "interval", None), "nanoseconds", None)
        return nanoseconds / 1e9 if nanoseconds else None
    return None
