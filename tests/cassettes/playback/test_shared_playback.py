"""A playback in several processes answers as one does. Here all of them are in this process."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.cassette_builder import call, said, stream, written

from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback import shared_playback
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.playback.shared_playback import FileLock
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest

HEADERS = ((b"Content-Type", b"application/json"), (b"Accept", b"application/json"))

RECORDED = [(1, "GET_HEALTH"), (2, "GET_STATE"), (1, "GET_STATE"), (1, "GET_TASKS"),
            (2, "GET_STATE"), (3, "GET_STATE"), (2, "GET_AGENTS"), (3, "GET_AGENTS"),
            (3, "START_MAINTENANCE"), (1, "UNRESERVE_RESOURCES"), (1, "GET_STATE")]  # fmt: skip
KINDS = sorted({kind for _, kind in RECORDED} | {"GET_ROLES", "SUBSCRIBE"})


@pytest.fixture
def opened(tmp_path, connections):
    documents = []
    for number, (client, kind) in enumerate(RECORDED, 1):
        (exchange,) = call(number, number / 10, said(kind), said(kind, answer=number))
        documents.append(replace(exchange, client=client if connections == "several" else 1))
    documents += stream(len(RECORDED) + 1, 9.0, [(9.1, said("HEARTBEAT"))])
    with Cassette.open(written(tmp_path / f"{connections}.yaml", documents)) as opened:
        yield opened


class One:
    """All requests arrive in one process."""

    def __init__(self, opened, options):
        self.playback = Playback(opened, options)

    def ask(self, client, kind):
        return outcome(self.playback.answer(request(kind), 0.0, client))

    def leave(self, client):
        self.playback.forget_connection(client)


class Several:
    """The requests of each client arrive at a worker, until it returns the client."""

    def __init__(self, opened, options):
        self.playback = Playback(opened, options)
        self.shared = self.playback.share(2)
        self.workers = [Playback(opened, options).share(self.shared.state) for _ in range(2)]
        for number, worker in enumerate(self.workers):
            worker.served_counts = self.shared.state.served_counts[number]
        self.returned = set()
        self.answered_by_workers = 0

    def ask(self, client, kind):
        worker = self.workers[client % 2]
        if client not in self.returned:
            answer = worker.answer(request(kind), 0.0, client, None)
            if answer is not None:
                self.answered_by_workers += 1
                return outcome(answer)
            self.returned.add(client)
            self.playback.restore_claims(client, worker.connections.take_claims(client))
        return outcome(self.playback.answer(request(kind), 0.0, client))

    def leave(self, client):
        worker = self.workers[client % 2]
        if client in self.returned:
            self.playback.forget_connection(client)
        else:
            worker.connections.forget_connection(client)

    def reset(self):
        """As proxy/server/answering.py does it."""
        for worker in self.workers:
            worker.connections.forget_claims()
        self.shared.take_served()
        playback = Playback(self.playback.cassettes, self.playback.options)
        self.shared = playback.share(self.shared.state)
        self.playback = playback


def request(kind):
    return HttpRequest(b"POST", b"/api/v1", HEADERS, said(kind).encode())


def outcome(result):
    return result.to_dict() if isinstance(result, Miss) else (result.exchange, result.status)


ASK = st.tuples(st.integers(1, 5), st.sampled_from(KINDS))
LEAVE = st.tuples(st.integers(1, 5), st.none())


@pytest.mark.parametrize("connections", ["one", "several"])
@pytest.mark.parametrize("repeat", [(), ("cycle",), ("never",), ("START_MAINTENANCE=last",)])
def test_several_processes_answer_as_one_does(opened, repeat):
    answered_by_workers = 0

    # The second client repeats an answer after the first has left, and so stands for that one.
    @example(
        [(1, "GET_HEALTH"), (1, None), (2, "GET_HEALTH"), (2, "GET_STATE"), (3, "GET_STATE")],
        "party",
    )
    @settings(max_examples=20, deadline=None, database=None)
    @given(st.lists(ASK | LEAVE, max_size=40), st.sampled_from(["party", "off"]))
    def compare(steps, causality):
        nonlocal answered_by_workers
        options = Options(repeat=repeat, causality=causality)
        one, several = One(opened, options), Several(opened, options)
        numbers = {client: client for client in range(1, 6)}
        for client, kind in steps:
            number = numbers[client]
            if kind is None:  # Its next connection has a number of its own.
                one.leave(number)
                several.leave(number)
                numbers[client] = number + 10
            else:
                assert several.ask(number, kind) == one.ask(number, kind)
        several.shared.take_served()
        assert several.playback.journal.served == one.playback.journal.served
        assert several.playback.unused == one.playback.unused
        assert several.playback.left_out == one.playback.left_out
        answered_by_workers += several.answered_by_workers

    compare()
    assert answered_by_workers


@pytest.mark.parametrize("connections", ["several"])
def test_workers_go_on_with_the_playback_after_a_reset(opened):
    several = Several(opened, Options())
    steps = [(1, "GET_STATE"), (2, "GET_STATE"), (1, "GET_HEALTH"), *[(2, "GET_STATE")] * 5]
    first = [several.ask(*step) for step in steps]
    several.reset()
    assert several.playback.journal.served == {}
    assert len(several.playback.unused) == len(RECORDED) + 1
    assert [several.ask(*step) for step in steps] == first
    several.shared.take_served()
    assert several.playback.journal.served_count == len(steps)
    assert several.answered_by_workers == 2 * len(steps)


@pytest.mark.parametrize("connections", ["one"])
def test_other_exchanges_cannot_go_on_with_it(opened, tmp_path):
    shared = Playback(opened).share(2)
    other = written(tmp_path / "other.yaml", call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH")))
    with Cassette.open(other) as changed, pytest.raises(ValueError, match="other exchanges now"):
        Playback(changed).share(shared.state)


@pytest.mark.parametrize("connections", ["one"])
def test_what_nothing_depends_on_is_counted(opened):
    # All but the SUBSCRIBE, and the calls that change the cluster, for which events may wait.
    assert Playback(opened).share(2).independent_count == len(RECORDED) - 2
    assert Playback(opened, Options(causality="off")).share(2).independent_count == len(RECORDED)


def test_the_lock_of_a_process_that_is_killed_is_open_again():
    lock = FileLock()
    lines = ["import fcntl, os, signal", f"fcntl.lockf({lock.descriptor}, fcntl.LOCK_EX)"]
    program = "\n".join([*lines, "os.kill(os.getpid(), signal.SIGKILL)"])
    done = subprocess.run([sys.executable, "-c", program], pass_fds=[lock.descriptor], check=False)
    assert done.returncode == -signal.SIGKILL
    with lock:
        pass


@pytest.mark.parametrize(("limit", "is_answered"), [(300_100, True), (300_000, False)])
def test_a_worker_reads_a_long_body_unless_it_is_too_long(
    tmp_path, monkeypatch, limit, is_answered
):
    monkeypatch.setattr(shared_playback, "MAX_WORKER_BYTES", limit)
    text = said("GET_STATE", text="x" * 300_000)
    path = written(tmp_path / "long.yaml", call(1, 0.0, said("GET_STATE"), text))
    with Cassette.open(path) as opened:
        worker = Playback(opened).share(1)
        worker.served_counts = worker.state.served_counts[0]
        answer = worker.answer(request("GET_STATE"), 0.0, 1, None)
        assert (answer is not None and answer.content == text.encode()) == is_answered


def test_a_body_that_cannot_be_read_is_for_the_parent(tmp_path):
    text = said("GET_STATE", text="x" * 300_000)
    path = written(tmp_path / "long.yaml", call(1, 0.0, said("GET_STATE"), text))
    with Cassette.open(path) as opened:
        playback = Playback(opened)
        worker = playback.share(1)
        os.truncate(path, 1000)
        assert worker.answer(request("GET_STATE"), 0.0, 1, None) is None
        assert len(playback.unused) == 1
