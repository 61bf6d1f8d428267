"""`mesotape replay … -- COMMAND`, its exit codes, its receipt, and who ends with whom."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cassette_builder import SCHEDULER, call, said, stream, written
from support.commands import MESOTAPE, STOP_SECONDS, run

from mesotape.cassettes.playback.playback import Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.commands import processes
from mesotape.proxy.server.server import ReplayServer

DECLINE = said("DECLINE", framework_id={"value": "f"}, decline={"offer_ids": [{"value": "o"}]})
SUBSCRIBE = said(
    "SUBSCRIBE", subscribe={"framework_info": {"user": "u", "name": "n", "id": {"value": "f"}}}
)
CLIENT = """
import contextlib, os, sys, urllib.error, urllib.request

def ask(path, body, **headers):
    headers = {"Content-Type": "application/json"} | headers
    request = urllib.request.Request(os.environ["MESOTAPE_URL"] + path, body.encode(), headers)
    with contextlib.suppress(urllib.error.HTTPError):
        with urllib.request.urlopen(request) as answer:
            return answer.read(1)

"""
TEST = "from client import ask\n\ndef test_it():\n    "
PYTEST = (
    *("env", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"),  # none is needed, and loading them takes a second
    *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recorded health check, and a recorded scheduler that declines an offer."""
    written(tmp_path / "health.yaml", call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH")))
    subscribed = stream(
        1,
        0.0,
        [(0.1, said("SUBSCRIBED", subscribed={"framework_id": {"value": "f"}}))],
        text=SUBSCRIBE,
        path=SCHEDULER,
        end=(9.0, "server"),
        **{"Mesos-Stream-Id": "s"},
    )
    declined = call(2, 0.2, DECLINE, path=SCHEDULER)
    written(tmp_path / "scheduler.yaml", subscribed, declined)
    (tmp_path / "client.py").write_text(CLIENT)
    return tmp_path


def played(folder: Path, cassette: str, *command: str) -> "subprocess.CompletedProcess[str]":
    return run("replay", cassette, "--pace", "instant", "--", *command, cwd=folder)


def pytested(folder: Path, cassette: str, body: str) -> "subprocess.CompletedProcess[str]":
    """Replay for a run of pytest with one test."""
    (folder / "test_it.py").write_text(TEST + body)
    return played(folder, cassette, *PYTEST)


def python(folder: Path, cassette: str, body: str) -> "subprocess.CompletedProcess[str]":
    return played(folder, cassette, sys.executable, "-c", f"from client import *\n{body}")


HEALTH = "ask('/api/v1', '{\"type\": \"GET_HEALTH\"}')"
STATE = "ask('/api/v1', '{\"type\": \"GET_STATE\"}')"
TAKES_PART = f"ask('/api/v1/scheduler', {SUBSCRIBE!r})"


def test_the_exit_code_is_0_if_all_was_served(folder: Path) -> None:
    done = pytested(folder, "health.yaml", f"assert {HEALTH}")
    assert done.returncode == 0, done
    assert "1 passed" in done.stdout
    assert done.stderr.endswith("mesotape: replayed: 1 served, 0 missed, 0 unused\n")


def test_the_exit_code_is_that_of_a_pytest_that_fails(folder: Path) -> None:
    done = pytested(folder, "health.yaml", f"assert not {HEALTH}")
    assert done.returncode == 1, done


@pytest.mark.parametrize("code", [0, 1])
def test_a_failure_names_streams_without_more_events(folder: Path, code: int) -> None:
    events = [(0.1, said("SUBSCRIBED", subscribed={"framework_id": {"value": "f"}}))]
    written(folder / "open.yaml", stream(1, 0.0, events, text=SUBSCRIBE, path=SCHEDULER))
    done = python(folder, "open.yaml", f"{TAKES_PART}\nsys.exit({code})")
    assert done.returncode == code, done
    told = "mesotape: stream 1 (exchange 1, client 1), 1 event sent, no more are recorded, ended\n"
    assert (told in done.stderr) == bool(code), done.stderr


def test_the_exit_code_of_a_miss_is_3_though_the_test_passes(folder: Path) -> None:
    done = pytested(folder, "health.yaml", STATE)
    assert "1 passed" in done.stdout
    assert done.returncode == 3, done


def test_the_exit_code_of_a_refused_request_is_3_though_the_test_passes(folder: Path) -> None:
    done = pytested(folder, "health.yaml", "ask('/api/v1', 'no call')")
    assert "1 passed" in done.stdout
    assert done.returncode == 3, done


def test_the_exit_code_is_6_if_a_mutating_call_was_left_out(folder: Path) -> None:
    done = pytested(folder, "scheduler.yaml", TAKES_PART)
    assert "1 passed" in done.stdout
    assert done.returncode == 6, done
    assert "mesotape: left out: exchange 2, scheduler call DECLINE: " in done.stderr
    assert "1 served, 0 missed, 1 unused, 1 left out" in done.stderr


def test_the_exit_code_of_a_miss_precedes_that_of_a_call_left_out(folder: Path) -> None:
    done = python(folder, "scheduler.yaml", f"{TAKES_PART}\n{STATE}")
    assert done.returncode == 3, done
    assert "1 left out" in done.stderr


def test_the_exit_code_of_a_bad_cassette_is_1_and_the_command_does_not_run(folder: Path) -> None:
    (folder / "bad.yaml").write_text("nothing\n")
    done = played(folder, "bad.yaml", sys.executable, "-c", "print('ran')")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mesotape: bad.yaml:1: not a cassette")


def test_the_exit_code_of_the_command_precedes_that_of_a_miss_which_is_reported(
    folder: Path,
) -> None:
    done = python(folder, "health.yaml", f"{STATE}\nsys.exit(40)")
    assert done.returncode == 40, done
    assert "no recorded answer: POST /api/v1, master call GET_STATE" in done.stderr
    assert "1 missed" in done.stderr


def test_a_command_that_is_killed_gives_128_and_the_signal(folder: Path) -> None:
    done = python(folder, "health.yaml", "os.kill(os.getpid(), 9)")
    assert done.returncode == 137, done


def test_a_call_that_is_sent_and_not_waited_for_counts(folder: Path) -> None:
    body = "{'type': 'GET_STATE'}".replace("'", '"')
    head = f"POST /api/v1 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    text = f"{head}\r\n\r\n{body}"
    told = "import socket\nhost, _, port = os.environ['MESOTAPE_URL'][7:].partition(':')\n"
    sent = f"socket.create_connection((host, int(port))).sendall({text.encode()!r})\nos._exit(0)"
    done = python(folder, "health.yaml", told + sent)
    assert done.returncode == 3, done


def test_requests_that_were_sent_before_the_end_are_read(folder: Path) -> None:
    """The loop does not run while they send, so all of it is still to be read."""
    body = said("GET_STATE").encode() + b" " * 100_000
    head = b"POST /api/v1 HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    async def main() -> int:
        with Cassette.open(folder / "health.yaml") as cassette, contextlib.ExitStack() as stack:
            server = ReplayServer(Playback(cassette))
            address = await server.start()
            for _ in range(20):
                connection = stack.enter_context(socket.create_connection(address))
                connection.sendall(head % len(body) + body)
            await server.drain()
            await server.stop()
            return server.responder.journal.missed_count

    assert asyncio.run(main()) == 20


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (["no-such-command"], 127, "no-such-command: there is no such command"),
        (["./client.py"], 126, "./client.py: cannot be run: Permission denied"),
    ],
)
def test_a_command_that_cannot_be_run_has_the_exit_codes_of_shells(
    folder: Path, command: list[str], code: int, text: str
) -> None:
    done = played(folder, "health.yaml", *command)
    assert done.returncode == code
    assert f"mesotape: {text}\n" in done.stderr


def test_dashes_without_a_command_are_refused(folder: Path) -> None:
    done = played(folder, "health.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("mesotape: expected a command after --; see ")


def test_options_after_the_dashes_are_those_of_the_command(folder: Path) -> None:
    done = played(folder, "health.yaml", "echo", "--json", "--", "--help")
    assert done.stdout == "--json -- --help\n"


def test_the_command_gets_the_addresses_in_its_environment_and_has_stdout_to_itself(
    folder: Path,
) -> None:
    words = ("replay", "health.yaml", "scheduler.yaml=127.0.0.1:0", "--json")
    names = ("URL", "URLS", "CONTROL_URL", "CONTROL_TOKEN")
    code = f"import os\nfor name in {names}: print(os.environ['MESOTAPE_' + name])"
    command = (sys.executable, "-c", code)
    words = (*words, "--require", "none")
    done = run(*words, "--control", "127.0.0.1:0", "--", *command, cwd=folder)
    assert done.returncode == 0, done
    url, urls, control, token = done.stdout.splitlines()
    ready = json.loads(done.stderr.splitlines()[0])
    assert [url, urls.split()] == [ready["ready"], [ready["ready"], *ready["also"]]]
    assert {"url": control, "token": token} == ready["control"]
    assert json.loads(done.stderr.splitlines()[-1])["served"] == 0


# Signals. The command says when it is up, on stdout.

WAITS = """
import os, signal, sys
got = []
woken, wake = os.pipe()  # a signal that comes before the wait for it is not lost
def take(number, frame):
    got.append(number)
    os.write(wake, b'.')
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, take)
print('up', os.getpid(), flush=True)
"""


@contextlib.contextmanager
def begun(folder: Path, *words: str, **how: Any) -> "Iterator[subprocess.Popen[str]]":
    """Run `mesotape WORDS`; what is left of it is killed in the end."""
    with subprocess.Popen(
        [*MESOTAPE, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **how,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(folder: Path, number: signal.Signals) -> None:
    code = f"{WAITS}\nos.read(woken, 1)\nsys.exit(50 + got[0])"
    words = ("replay", "health.yaml", "--", sys.executable, "-c", code)
    with begun(folder, *words, start_new_session=True) as process:
        assert line(process).startswith("up")
        process.send_signal(number)
        process.communicate(timeout=STOP_SECONDS)
        assert process.returncode == 50 + number


def test_ctrl_c_on_a_terminal_reaches_the_command_once(folder: Path) -> None:
    """The terminal sends it to both; SIGUSR1, which comes after it, is passed on."""
    code = f"{WAITS}\nwhile signal.SIGUSR1 not in got: os.read(woken, 1)\nsys.exit(len(got))"
    words = [*MESOTAPE, "replay", "health.yaml", "--", sys.executable, "-c", code]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execv(words[0], words)
    with open(terminal, "rb", buffering=0) as said:
        text = b""
        while b"up " not in text:
            text += said.read(1024)
        os.write(terminal, b"\x03")
        while b"^C" not in text:  # The terminal has echoed it, and sent the signals before.
            text += said.read(1024)
        os.kill(pid, signal.SIGUSR1)
        with contextlib.suppress(OSError):  # EIO is the end of a terminal.
            while said.read(1024):
                pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels cannot tell a command")
def test_the_command_ends_when_mesotape_is_killed(folder: Path) -> None:
    code = "import signal\nprint('up', flush=True)\nsignal.pause()"
    with begun(folder, "replay", "health.yaml", "--", sys.executable, "-c", code) as process:
        assert line(process) == "up\n"
        process.kill()
        out, _ = process.communicate(timeout=STOP_SECONDS)  # Returns when no process has the pipe.
        assert out == ""


# The parent.


@contextlib.contextmanager
def fostered(folder: Path, *words: str, ready: str) -> "Iterator[subprocess.Popen[str]]":
    """Run `mesotape WORDS` as the child of another process, which has the signals of a shell's."""
    code = (
        "import signal, subprocess, sys\n"
        "for number in (signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_DFL)\n"
        "child = subprocess.Popen(sys.argv[1:])\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, *MESOTAPE, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(ready)
            yield process
        finally:
            process.kill()


def test_a_replay_ends_when_its_parent_is_killed(folder: Path) -> None:
    words = ("replay", "health.yaml", "--receipt", "receipt.json")
    with fostered(folder, *words, ready="mesotape: replaying") as process:
        process.kill()
        _, errors = process.communicate(timeout=STOP_SECONDS)
    assert f"mesotape: the parent process {process.pid} has ended, so the replay ends;" in errors
    assert errors.endswith("mesotape: replayed: 0 served, 0 missed, 1 unused\n")
    assert json.loads((folder / "receipt.json").read_text())["ended"] is True


def test_the_command_of_a_replay_ends_when_the_parent_is_killed(folder: Path) -> None:
    code = f"{WAITS}\nos.read(woken, 1)\nprint(got == [signal.SIGTERM])"
    words = ("replay", "health.yaml", "--", sys.executable, "-c", code)
    with fostered(folder, *words, ready="up") as process:
        process.kill()
        out, errors = process.communicate(timeout=STOP_SECONDS)
    assert out == "True\n"
    assert "has ended, so the replay ends" in errors


def test_a_recording_ends_with_its_parent_if_asked_to(folder: Path) -> None:
    words = ("record", "http://127.0.0.1:1", "-o", "new.yaml", "--end-with-parent")
    with fostered(folder, *words, ready="mesotape: recording") as process:
        process.kill()
        _, errors = process.communicate(timeout=STOP_SECONDS)
    assert errors.endswith("mesotape: recorded 0 exchanges, 0 events, 0 notes into new.yaml\n")


@contextlib.contextmanager
def ignored(number: signal.Signals) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_nohup_and_the_background_of_a_script_let_a_replay_live_on() -> None:
    with contextlib.ExitStack() as stack:
        for number in (signal.SIGHUP, signal.SIGINT):
            before = signal.signal(number, signal.SIG_DFL)
            stack.callback(signal.signal, number, before)
        assert processes.is_bound_to_parent(None)
        for number in (signal.SIGHUP, signal.SIGINT):
            with ignored(number):
                assert not processes.is_bound_to_parent(None)
                assert processes.is_bound_to_parent(True)
        assert not processes.is_bound_to_parent(False)


# The receipt.


def receipt(folder: Path, body: str, cassette: str = "health.yaml") -> dict[str, Any]:
    words = ("replay", cassette, "--pace", "instant", "--receipt", "receipt.json", "--")
    run(*words, sys.executable, "-c", f"from client import *\n{body}", cwd=folder)
    return json.loads((folder / "receipt.json").read_text())


def test_a_receipt_lists_the_cassettes_and_the_served_exchanges(folder: Path) -> None:
    told = receipt(folder, f"{HEALTH}\n{HEALTH}")
    (cassette,) = told["cassettes"]
    sha = subprocess.run(["sha256sum", folder / "health.yaml"], capture_output=True, check=True)
    assert cassette == {"path": "health.yaml", "sha256": sha.stdout.decode().split()[0]}
    assert (told["ended"], told["exit_code"], told["command"]) == (True, 0, 0)
    assert told["served"] == [{"cassette": "health.yaml", "exchange": 1, "times": 2}]
    assert told["unused"] == told["misses"] == told["refusals"] == told["failures"] == []


def test_a_receipt_has_the_reports_of_misses_and_refusals(folder: Path) -> None:
    told = receipt(folder, f"{STATE}\nask('/api/v1', 'no call')\nsys.exit(9)")
    (miss,) = told["misses"]
    assert miss["request"]["call"] == "master call GET_STATE"
    assert miss["nearest"][0]["exchange"] == 1
    (refusal,) = told["refusals"]
    assert refusal["refusal"].startswith("400 ")
    assert (told["exit_code"], told["command"]) == (9, 9)
    assert told["counts"]["missed"] == told["counts"]["refused"] == 1
    assert told["unused"] == [{"cassette": "health.yaml", "exchange": 1}]


def test_a_receipt_lists_calls_that_were_left_out(folder: Path) -> None:
    told = receipt(folder, TAKES_PART, "scheduler.yaml")
    assert told["left_out"] == [
        {"cassette": "scheduler.yaml", "exchange": 2, "call": "scheduler call DECLINE"}
    ]
    assert told["exit_code"] == 6


def test_equal_runs_give_equal_receipts(folder: Path) -> None:
    assert receipt(folder, f"{HEALTH}\n{STATE}") == receipt(folder, f"{HEALTH}\n{STATE}")


def test_a_receipt_is_written_when_a_replay_is_interrupted_and_marked_when_killed(
    folder: Path,
) -> None:
    path = folder / "receipt.json"
    with begun(folder, "replay", "health.yaml", "--receipt", "receipt.json") as process:
        assert line(process).startswith("mesotape: replaying")
        assert json.loads(path.read_text())["ended"] is False
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0
    assert json.loads(path.read_text())["ended"] is True


def test_a_receipt_that_cannot_be_written_is_an_error_before_the_command_runs(folder: Path) -> None:
    words = ("replay", "health.yaml", "--receipt", "no/receipt.json", "--", "echo", "ran")
    done = run(*words, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "mesotape: no/receipt.json: cannot be written: No such file or directory\n"
    )


# The network.

ISOLATED = """
import fcntl, os, socket, struct, sys
os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    fcntl.ioctl(any, 0x8914, struct.pack('16sH14x', b'lo', 1))  # SIOCSIFFLAGS, IFF_UP
os.execv(sys.argv[1], sys.argv[1:])
"""


def may_isolate() -> bool:
    if sys.platform != "linux":
        return False
    done = subprocess.run([sys.executable, "-c", ISOLATED, "/bin/true"], capture_output=True)
    return done.returncode == 0


@pytest.mark.skipif(not may_isolate(), reason="the kernel gives us no network namespace")
def test_a_replay_works_without_a_network(folder: Path) -> None:
    body = (
        "import errno, socket\n"
        "try: socket.create_connection(('192.0.2.1', 80))\n"
        "except OSError as error: assert error.errno == errno.ENETUNREACH\n"
        f"assert {HEALTH}"
    )
    (folder / "way_out.py").write_text(CLIENT + body)
    words = ["replay", "health.yaml", "--", sys.executable, "way_out.py"]
    command = [sys.executable, "-c", ISOLATED, *MESOTAPE, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    assert "1 served, 0 missed" in done.stderr


def test_reports_for_ci_are_written_and_annotations_printed(folder: Path) -> None:
    (folder / "summary.md").write_text("before\n")
    reports = ("--junit", "junit.xml", "--summary-file", "summary.md", "--github")
    command = (sys.executable, "-c", "from client import *\nask('/version', '')")
    done = run("replay", "health.yaml", *reports, "--", *command, cwd=folder)
    assert done.returncode == 3
    assert (
        '<failure type="missed" message="no recorded answer' in (folder / "junit.xml").read_text()
    )
    assert (
        (folder / "summary.md").read_text().startswith("before\n### mesotape replay: exit code 3")
    )
    assert "\n::error title=no recorded answer%3A POST /version" in done.stderr


def test_reports_are_utf_8_in_any_locale_and_for_readers_of_its_umask(folder: Path) -> None:
    reports = ("--junit", "junit.xml", "--summary-file", "summary.md", "--receipt", "receipt.json")
    command = (sys.executable, "-c", "from client import *\nask('/api/v1', 'GET_STATE')")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = ("replay", "health.yaml", *reports, "--", *command)
    done = run(*words, cwd=folder, env=os.environ | locale, is_fresh=True)
    assert done.returncode == 3, done.stderr
    junit, summary, receipt = (folder / each for each in reports[1::2])
    assert "→" in junit.read_text("utf-8")
    assert "→" in summary.read_text("utf-8")
    assert json.loads(receipt.read_text("utf-8"))["exit_code"] == 3
    assert junit.stat().st_mode == summary.stat().st_mode
    assert receipt.stat().st_mode & 0o777 == 0o600


def test_reports_need_a_folder(folder: Path) -> None:
    done = run("replay", "health.yaml", "--junit", "missing/j.xml", cwd=folder)
    error = "mesotape: missing/j.xml: cannot be written: the folder does not exist\n"
    assert (done.returncode, done.stderr) == (1, error)
