"""The order and times of events: SUBSCRIBED first, and no silence over two heartbeat intervals."""

from types import SimpleNamespace

import pytest

from mesotape.proto.diagnosis.heartbeats import HeartbeatMonitor

MASTER = "mesos.v1.master.Event"
SCHEDULER = "mesos.v1.scheduler.Event"
EXECUTOR = "mesos.v1.executor.Event"
PROVIDER = "mesos.v1.resource_provider.Event"
PROCESS_IO = "mesos.v1.agent.ProcessIO"


def subscribed(seconds: float | None) -> SimpleNamespace:
    return SimpleNamespace(subscribed=SimpleNamespace(heartbeat_interval_seconds=seconds))


def heartbeat(nanoseconds: int) -> SimpleNamespace:
    interval = SimpleNamespace(nanoseconds=nanoseconds)
    return SimpleNamespace(control=SimpleNamespace(heartbeat=SimpleNamespace(interval=interval)))


@pytest.mark.parametrize(
    ("message", "event_type", "value", "interval"),
    [
        (MASTER, "SUBSCRIBED", subscribed(15.0), 15.0),
        (SCHEDULER, "SUBSCRIBED", subscribed(0.01), 0.01),
        (EXECUTOR, "SUBSCRIBED", subscribed(None), 1800.0),
        (PROCESS_IO, "CONTROL", heartbeat(30_000_000_000), 30.0),
    ],
)
def test_a_silence_of_more_than_two_intervals_is_a_gap(
    message: str, event_type: str, value: object, interval: float
) -> None:
    monitor = HeartbeatMonitor()
    assert monitor.observe_event(message, event_type, value, 0.0) == []
    assert monitor.observe_event(message, "OTHER", None, 2 * interval) == []
    (problem,) = monitor.observe_event(message, "OTHER", None, 4.5 * interval)
    assert problem.reason == "gap"
    (problem,) = monitor.observe_end(6.75 * interval)
    assert problem.reason == "gap"
    assert problem.text.endswith(f"heartbeats are sent every {interval:g} s")


@pytest.mark.parametrize(
    ("message", "value"), [(PROVIDER, subscribed(15.0)), (MASTER, subscribed(None))]
)
def test_without_an_interval_there_is_no_gap(message: str, value: object) -> None:
    monitor = HeartbeatMonitor()
    assert monitor.observe_event(message, "SUBSCRIBED", value, 0.0) == []
    assert monitor.observe_end(1e6) == []


def test_without_times_there_is_no_gap() -> None:
    monitor = HeartbeatMonitor()
    monitor.observe_event(MASTER, "SUBSCRIBED", subscribed(1.0), None)
    assert monitor.observe_event(MASTER, "HEARTBEAT", None, 100.0) == []
    assert monitor.observe_end(None) == []


def test_a_later_interval_replaces_the_first() -> None:
    monitor = HeartbeatMonitor()
    monitor.observe_event(PROCESS_IO, "CONTROL", heartbeat(10**9), 0.0)
    monitor.observe_event(PROCESS_IO, "CONTROL", heartbeat(10**10), 1.0)
    assert monitor.observe_end(21.0) == []


@pytest.mark.parametrize(
    ("message", "event_type", "reasons"),
    [
        (MASTER, "HEARTBEAT", ["before-subscribed"]),
        (MASTER, "ERROR", ["before-subscribed"]),
        (SCHEDULER, "ERROR", []),
        (EXECUTOR, "SHUTDOWN", []),
        (EXECUTOR, "ERROR", ["before-subscribed"]),
        (PROCESS_IO, "DATA", []),
    ],
)
def test_only_the_first_event_has_to_be_subscribed(
    message: str, event_type: str, reasons: list[str]
) -> None:
    monitor = HeartbeatMonitor()
    assert [one.reason for one in monitor.observe_event(message, event_type, None, 0.0)] == reasons
    assert monitor.observe_event(message, event_type, None, 0.0) == []
