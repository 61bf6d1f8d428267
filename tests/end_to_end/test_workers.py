"""`mesotape replay --workers 2`: what a client and a user see is that of one process."""

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest
from support.cassette_builder import SCHEDULER, SUBSCRIBE, call, said, stream, written
from support.certificate_authority import Authority
from support.commands import run, running
from support.sockets import connect, eventually, get, post

HEALTH, HEALTHY = said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": True})
LONG = said("GET_STATE", get_state={"text": "x" * 200_000})
FLAGS = said("GET_FLAGS", get_flags={"flags": [{"name": "n", "value": "v" * 300_000}]})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    polls = [
        call(number, number / 10, said("GET_TASKS"), said("GET_TASKS", n=number))
        for number in range(10, 14)
    ]
    return written(
        tmp_path_factory.mktemp("workers") / "cassette.yaml",
        call(1, 0.0, HEALTH, HEALTHY),
        stream(2, 0.0, [(0.0, said("HEARTBEAT"))], end=(0.1, "server")),
        call(3, 0.2, said("GET_STATE"), LONG),
        call(4, 0.3, said("START_MAINTENANCE"), ""),
        call(5, 0.4, said("GET_FLAGS"), FLAGS),
        call(6, 0.5, said("GET_ROLES"), said("GET_ROLES")),
        *polls,
    )


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def ask(address: tuple[str, int], text: str) -> bytes:
    with connect(address) as wire:
        wire.send(post(text.encode()))
        return wire.message()


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def everything(address: tuple[str, int]) -> list[bytes]:
    """Ask for all sorts of things, one after the other, on new connections and on kept ones."""
    answers = [ask(address, HEALTH) for _ in range(4)]
    kept = [connect(address) for _ in range(3)]
    for turn in range(7):  # The recorded answers in their order, whoever asks.
        wire = kept[turn % 3]
        wire.send(post(said("GET_TASKS").encode()))
        answers.append(wire.message())
    with connect(address) as wire:  # More and more, without waiting for any answer.
        wire.send(*[post(each.encode()) for each in (HEALTH, said("GET_STATE"), HEALTH)])
        wire.send(post(said("GET_FLAGS").encode()), post(HEALTH.encode()))
        answers += [wire.message() for _ in range(5)]
    with connect(address) as wire:
        wire.send(post(HEALTH.encode()), post(SUBSCRIBE.encode()), post(HEALTH.encode()))
        answers += [wire.message(), wire.until(b"0\r\n\r\n"), wire.message()]
    for _ in range(2):  # The second one is a miss.
        answers.append(ask(address, said("START_MAINTENANCE")))
    answers.append(ask(address, said("GET_VERSION")))
    with connect(address) as wire:
        wire.send(get(b"/_mesotape/health"))
        answers.append(wire.message())
    with connect(address) as wire:
        wire.send(post(HEALTH.encode()), b"NO HTTP\r\n\r\n")
        answers.append(wire.rest())
    with connect(address) as wire:
        wire.send(b"GET /files/x HTTP/1.0\r\n\r\n")
        answers.append(wire.rest())
    for wire in kept:
        wire.close()
    return answers


def test_answers_receipt_counts_and_exit_code_are_those_of_one_process(
    path: Path, tmp_path: Path
) -> None:
    results: list[tuple[object, ...]] = []
    for workers in ("1", "2"):
        receipt = tmp_path / f"{workers}.json"
        with running("replay", path, "--workers", workers, "--receipt", receipt) as replay:
            answers = everything(replay.address)
            results.append((answers, replay.stop(), replay.said, json.loads(receipt.read_text())))
    one, two = results
    assert two[0] == one[0]
    assert two[1:] == one[1:]
    assert one[1] == 3
    assert [body_of(each) for each in one[0][4:11]] == [
        said("GET_TASKS", n=min(number, 13)).encode() for number in range(10, 17)
    ]


def test_the_bytes_of_a_request_may_arrive_one_by_one(path: Path) -> None:
    with running("replay", path, "--workers", "2") as replay, connect(replay.address) as wire:
        for byte in post(HEALTH.encode()):
            wire.send(bytes([byte]))
        assert body_of(wire.message()) == HEALTHY.encode()
        request = post(HEALTH.encode())
        wire.send(request * 20 + request[:50])
        wire.send(request[50:])
        assert all(body_of(wire.message()) == HEALTHY.encode() for _ in range(21))
        # The parent goes on with a client whose request is slow to arrive.
        files = Path(f"/proc/{replay.process.pid}/fd")
        before = len(list(files.iterdir()))
        wire.send(request * 2 + request[:-5])
        eventually(lambda: len(list(files.iterdir())) > before, "client")
        wire.send(request[-5:])
        assert all(body_of(wire.message()) == HEALTHY.encode() for _ in range(3))


def test_a_client_that_does_not_wait_is_counted(path: Path) -> None:
    with running("replay", path, "--workers", "2", "--control", "127.0.0.1:0") as replay:
        with connect(replay.address) as wire:
            wire.send(post(HEALTH.encode()) * 300, post(said("GET_VERSION").encode()))
        eventually(lambda: control(replay, "GET", "/status")["missed"], "miss")
        assert control(replay, "GET", "/status")["served"] == 300
        replay.stop()


def control(replay, method: str, path: str) -> dict:
    url, token = replay.control
    host, _, port = url.rpartition("//")[2].rpartition(":")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {token}"]
    with connect((host, int(port))) as wire:
        wire.send("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        return json.loads(body_of(wire.message()))


def test_the_control_api_has_what_all_have_answered(path: Path) -> None:
    with running("replay", path, "--workers", "2", "--control", "127.0.0.1:0") as replay:
        kinds = [HEALTH, said("GET_TASKS"), said("GET_VERSION"), HEALTH, said("GET_TASKS")]
        for kind in kinds:
            ask(replay.address, kind)
        status = control(replay, "GET", "/status")
        counts = [status[name] for name in ("calls", "served", "missed", "unused")]
        assert counts == [5, 4, 1, 7]
        journal = control(replay, "GET", "/journal")
        assert [each["number"] for each in journal["calls"]] == [1, 2, 3, 4, 5]
        assert [said(each["type"]) for each in journal["calls"]] == kinds
        assert [each["exchange"] for each in journal["calls"]] == [1, 10, None, 1, 11]
        assert control(replay, "GET", "/journal?since=5")["calls"] == []
        unused = control(replay, "GET", "/unused")["unused"]
        assert [each["exchange"] for each in unused] == [2, 3, 4, 5, 6, 12, 13]
        control(replay, "POST", "/reset")
        assert control(replay, "GET", "/journal") == {"calls": [], "last": 5}
        assert json.loads(body_of(ask(replay.address, said("GET_TASKS"))))["n"] == 10
        assert control(replay, "GET", "/status")["served"] == 1
        assert replay.stop() == 3
        assert replay.said.endswith("replayed: 5 served, 1 missed, 7 unused\n")


def test_each_answer_is_given_once_whoever_asks(tmp_path: Path) -> None:
    numbers = range(1, 301)
    polls = [
        call(each, each / 10, said("GET_TASKS"), said("GET_TASKS", n=each)) for each in numbers
    ]
    recorded = written(tmp_path / "cassette.yaml", *polls)
    options = ("--workers", "2", "--repeat", "never")
    request = post(said("GET_TASKS").encode())
    with running("replay", recorded, *options) as replay, contextlib.ExitStack() as opened:
        wires = [opened.enter_context(connect(replay.address)) for _ in range(6)]
        for wire in wires:
            wire.send(request * 50)
        answers = [wire.message() for _ in range(50) for wire in wires]
        assert sorted(json.loads(body_of(each))["n"] for each in answers) == [*numbers]
        wires[0].send(request)
        assert b"already played" in wires[0].message()
        assert replay.stop() == 3
        assert replay.said.endswith("replayed: 300 served, 1 missed, 0 unused\n")


def test_a_command_finds_all_addresses_and_its_calls_are_required(path: Path) -> None:
    client = (
        "import os, urllib.request as u\n"
        "for url in os.environ['MESOTAPE_URLS'].split():\n"
        "  u.urlopen(u.Request(url + '/api/v1', b'{\"type\":\"GET_HEALTH\"}',"
        " {'Content-Type': 'application/json'})).read()\n"
    )
    addresses = [path, f"{path}=127.0.0.1:0"]
    command = ["--workers", "2", "--require", "GET_HEALTH", "--", "python3", "-c", client]
    done = run("replay", *addresses, *command)
    assert done.returncode == 0, done.stderr
    assert "replayed: 2 served, 0 missed" in done.stderr
    assert done.stderr.count("replaying") == 2
    done = run("replay", path, "--workers", "2", "--require", "GET_ROLES", *command[4:])
    assert done.returncode == 8, done.stderr


def test_one_connection_speaks_tls_with_a_worker_and_then_with_the_parent(
    path: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "ours")
    cert, key, _ = authority.issue("server", "127.0.0.1")
    tls = ["--tls-cert", cert, "--tls-key", key]
    with (
        running("replay", path, "--workers", "2", *tls) as replay,
        connect(replay.address, authority.client()) as wire,
    ):
        wire.send(post(HEALTH.encode()))
        assert body_of(wire.message()) == HEALTHY.encode()
        wire.send(post(said("GET_FLAGS").encode()))
        assert body_of(wire.message()) == FLAGS.encode()
        wire.send(post(SUBSCRIBE.encode()))
        assert b"HEARTBEAT" in wire.until(b"0\r\n\r\n")
        wire.send(post(HEALTH.encode()))
        assert body_of(wire.message()) == HEALTHY.encode()
        assert replay.stop() == 0
        assert replay.said == "mesotape: replayed: 4 served, 0 missed, 7 unused\n"


def test_a_worker_that_is_killed_is_reported_and_others_go_on(path: Path) -> None:
    with running("replay", path, "--workers", "2") as replay:
        for left in (1, 0):
            os.kill(children(replay.process.pid)[0], signal.SIGKILL)
            eventually(lambda left=left: len(children(replay.process.pid)) == left, "end")
            for _ in range(2):
                assert body_of(ask(replay.address, HEALTH)) == HEALTHY.encode()
        assert replay.stop() == 1
    ended = [line for line in replay.said.splitlines() if line.startswith("mesotape: worker ")]
    assert len(ended) == 2
    assert all("has ended: killed by SIGKILL; its clients were cut off" in line for line in ended)
    assert "4 served, 0 missed, 9 unused, 2 failed" in replay.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_ends_them_once(path: Path, number: signal.Signals) -> None:
    with running("replay", path, "--workers", "2") as replay:
        workers = children(replay.process.pid)
        for pid in workers:
            os.kill(pid, number)
        assert body_of(ask(replay.address, HEALTH)) == HEALTHY.encode()
        assert replay.stop(number) == 0
    assert replay.said == "mesotape: replayed: 1 served, 0 missed, 9 unused\n"
    for pid in workers:
        assert not Path(f"/proc/{pid}").exists()


def test_workers_end_when_their_parent_is_killed(path: Path) -> None:
    with running("replay", path, "--workers", "2") as replay:
        workers = children(replay.process.pid)
        os.kill(replay.process.pid, signal.SIGKILL)
        replay.wait()
        for pid in workers:
            eventually(lambda pid=pid: not Path(f"/proc/{pid}").exists(), "end")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--fault", "GET_HEALTH:503"], "faults are counted by one process; leave out --fault"),
        (["--rebind"], "ids are translated by one process; leave out --rebind"),
    ],
)
def test_options_that_need_one_process_are_refused(
    path: Path, options: list[str], text: str
) -> None:
    done = run("replay", path, "--workers", "2", *options)
    assert (done.returncode, done.stderr) == (2, f"mesotape: --workers: {text}\n")
    assert run("replay", path, "--workers", "0").returncode == 2


def test_a_recording_of_streams_alone_is_refused(tmp_path: Path) -> None:
    scheduler = stream(1, 0.0, [(0.0, said("HEARTBEAT"))], path=SCHEDULER)
    done = run("replay", written(tmp_path / "one.yaml", scheduler), "--workers", "2")
    assert done.returncode == 1
    assert done.stderr == (
        "mesotape: --workers: all recorded exchanges depend on streams or subscriptions;"
        " leave out --workers\n"
    )
