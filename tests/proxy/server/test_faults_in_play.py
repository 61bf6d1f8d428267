"""Errors of every kind, at every function that the play of a stream calls.

Two streams and a call are played, and one call of one function raises an error. What it belongs to
fails, and is told; the rest is played as without the error.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

import pytest
from support.cassette_builder import BEAT, SCHEDULER, call, said, stream, written
from support.paths import ROOT

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.http.http1 import LAST_CHUNK
from mesotape.proxy.server.server import ReplayServer
from mesotape.proxy.streams.clock import ManualClock

IS_COMPLETE = bool(os.environ.get("MESOTAPE_ALL_FAULTS"))
KINDS = [
    OSError,
    ValueError,
    StopIteration,
    RuntimeError,
    RecursionError,
    MemoryError,
    KeyError,
    AssertionError,
    CassetteError,
]

NOT_PLAY = {
    ("proxy/streams/clock.py", "*"): "is moved by the test",
    ("proxy/streams/schedule.py", "*"): "serves all streams; what it calls is play",
    ("proxy/server/server.py", "*"): "connects the parts; what it calls is play",
    ("proxy/streams/ports.py", "call"): "is the guard",
}

PROTOBUF, JSON = "application/x-protobuf", "application/json"
SUBSCRIBED = said(
    "SUBSCRIBED", subscribed={"framework_id": {"value": "f"}, "heartbeat_interval_seconds": 1.0}
)
SUBSCRIBE = said("SUBSCRIBE", subscribe={"framework_info": {"user": "u", "name": "n"}})
REVIVE = said("REVIVE", framework_id={"value": "f"})
RESCIND = said("RESCIND", rescind={"offer_id": {"value": "o"}})


class Transport(asyncio.Transport):
    """A connection to a client that reads all, and closes when the server does."""

    def __init__(self):
        super().__init__()
        self.data, self.protocol = b"", None

    def write(self, data):
        assert self.protocol is not None, "written after the end"
        self.data += data

    def connect(self, protocol):
        self.protocol = protocol
        protocol.connection_made(self)

    def close(self):
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connection_lost(None)

    abort = close

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def get_extra_info(self, name, default=None):
        return default


def post(path, body, accept=JSON, **headers):
    fields = {"Host": "a", "Content-Type": JSON, "Accept": accept} | headers
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    held = stream(
        1,
        0.0,
        [(0.1, SUBSCRIBED), (0.2, BEAT), (1.2, BEAT), (3.5, RESCIND), (4.0, RESCIND)],
        text=SUBSCRIBE,
        path=SCHEDULER,
        end=(5.0, "server"),
        **{"Mesos-Stream-Id": "s"},
    )
    master = written(folder / "master.yaml", held, call(2, 3.0, REVIVE, path=SCHEDULER))
    events = [(0.1 * number, BEAT) for number in range(1, 40)]
    other = written(folder / "other.yaml", stream(1, 0.0, events, end=(4.0, "server")), later=1.0)
    return master, other


async def play(paths, trace=None):
    """Play all; return what the scheduler, the operator and the call got.

    Also return the failures that were told, and the number of misses and refusals.
    """
    failures = []
    with Cassette.open(paths[0]) as one, Cassette.open(paths[1]) as two:
        playback = Playback([one, two], Options())
        server = ReplayServer(
            playback, clock=ManualClock(), on_failure=lambda _, error: failures.append(str(error))
        )
        await server.start()
        listener = server._listeners[0]._protocol_factory
        clients = [Transport() for _ in range(3)]
        for client in clients:
            client.connect(listener())
        scheduler, operator, caller = clients

        def receive(client, data):
            if client.protocol is not None:
                client.protocol.data_received(data)

        sys.settrace(trace)
        try:
            receive(scheduler, post(SCHEDULER, SUBSCRIBE, PROTOBUF))
            receive(operator, post("/api/v1", said("SUBSCRIBE")))
            for second in range(1, 12):
                server.clock.advance(1.0)
                if second == 6:
                    receive(caller, post(SCHEDULER, REVIVE, Mesos_Stream_Id="s"))
        finally:
            sys.settrace(None)
        got = [client.data for client in clients]
        refused = playback.journal.missed_count + playback.journal.refused_count
        await server.stop()
    return got, failures, refused


def point_of(frame):
    """Return the place of a function of mesotape, or None for another."""
    code = frame.f_code
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "tests"):
        return None
    name = str(path.relative_to(ROOT))
    if name.startswith(".venv") or {(name, "*"), (name, code.co_name)} & NOT_PLAY.keys():
        return None
    return name, code.co_name, code.co_firstlineno


@pytest.fixture(scope="module")
def points(paths):
    """All functions that are called, each with the number of its calls."""
    found = {}

    def trace(frame, event, arg):
        if (point := point_of(frame)) is not None:
            found[point] = found.get(point, 0) + 1

    asyncio.run(play(paths, trace))
    return found


def raise_at(point, number, kind):
    """Return a trace function that raises at one call of a function."""
    calls = itertools.count(1)

    def trace(frame, event, arg):
        is_at = frame.f_code.co_firstlineno == point[2] and point_of(frame) == point
        if is_at and next(calls) == number:
            raise kind("injected")

    return trace


def test_the_points_are_the_whole_way_of_a_stream(points):
    names = {f"{path}:{name}" for path, name, _ in points}
    assert {
        "cassettes/answers/timeline.py:_steps",
        "cassettes/answers/transcoding.py:transcode_record",
        "cassettes/answers/gates.py:open",
        "cassettes/format/fast_reader.py:parse_event_bodies",
        "cassettes/playback/playback.py:answer",
        "cassettes/storage/opened_file.py:read",
        "proxy/streams/held_heartbeats.py:send_due",
        "proxy/server/response_queue.py:write",
        "proxy/server/response_queue.py:stream_ended",
        "proxy/streams/stream_registry.py:_report_progress",
        "proxy/streams/stream_sender.py:send_due",
    } <= names
    assert len(points) > 100


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_stops_one_stream_and_is_told(paths, points, kind):
    expected, failures, refused = asyncio.run(play(paths))
    assert (failures, refused) == ([], 0)
    assert all(each.endswith(LAST_CHUNK) for each in expected[:2])
    wrong = []
    for index, (point, count) in enumerate(points.items(), KINDS.index(kind)):
        # Each point is hit by a third of the kinds, or by all of them.
        if not IS_COMPLETE and index // 3 % 3:
            continue
        number = (1, (count + 1) // 2, count)[index % 3]
        got, failures, refused = asyncio.run(play(paths, raise_at(point, number, kind)))
        if problem := problem_of(got, expected, failures, refused):
            wrong.append(f"{point}, call {number} of {count}: {problem}; {failures}")
    assert wrong == []


def problem_of(got, expected, failures, refused):
    differing = [index for index in range(3) if got[index] != expected[index]]
    if not differing:
        return None  # The error was no loss, like that of a cache.
    # Some errors are those of a request that cannot be read, and are answered as such.
    if len(failures) != 1 and not (refused and not failures):
        return f"{differing} differ, {len(failures)} failures"
    if differing not in ([0], [1], [2], [0, 2]):
        return f"{differing} differ"
    for index in set(differing) - {2}:
        if got[index].endswith(LAST_CHUNK):
            return f"{index} has an end"
    return None
