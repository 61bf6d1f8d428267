import pytest

from mesotape.proxy.server import collector
from mesotape.proxy.server.collector import Collector

FREEZE = ["collect 2", "freeze"]
COLLECT_ALL = ["unfreeze", "collect 2", "freeze"]


class LoggingGarbageCollector:
    def __init__(self):
        self.log = []

    def collect(self, generation=2):
        self.log.append(f"collect {generation}")

    def freeze(self):
        self.log.append("freeze")

    def unfreeze(self):
        self.log.append("unfreeze")


@pytest.fixture
def log(monkeypatch):
    logging = LoggingGarbageCollector()
    monkeypatch.setattr(collector, "gc", logging)
    monkeypatch.setattr(collector, "_OPENED", 3)
    monkeypatch.setattr(collector, "_CLOSED", 2)
    return logging.log


@pytest.mark.parametrize(
    ("opened", "closed", "expected"),
    [
        (2, [], []),
        (3, [], FREEZE),
        (7, [], FREEZE * 2),
        (2, [1, 2], []),  # Not frozen, so they are found.
        (5, [2, 4, 5], FREEZE),
        (5, [1, 3], FREEZE + COLLECT_ALL),
        (5, [1, 2, 3], FREEZE + COLLECT_ALL),
        (6, [1, 2, 3, 4], FREEZE * 2 + COLLECT_ALL * 2),
    ],
)
def test_what_is_alive_is_frozen_and_garbage_of_it_is_collected(log, opened, closed, expected):
    frozen = Collector()
    for number in range(1, opened + 1):
        frozen.note_opened(number)
    for number in closed:
        frozen.note_closed(number)
    assert log == expected
