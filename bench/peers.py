"""Other programs that do what a replay does, beside it.

`make bench-peers` installs them into .venv-peers; rows whose peer is missing are skipped. Each is
asked for a thousand recordings in turn, with the requests of replay.py.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import messages
from opening import ready_costs
from processes import BENCH, Server, bare, mitmdump, replay
from replay import ANSWER, Visitor, call
from table import MICROSECONDS, AtMost, Pair, Row, Sample, Scope, Skipped

INSTALLED = BENCH.parent / ".venv-peers"
OTHER = BENCH / "other"
RECORDINGS, QUICK_RECORDINGS = 1000, 100
VCR_RECORDINGS, QUICK_VCR_RECORDINGS = 10_000, 200

type Start = Callable[[Path, int, str], AbstractContextManager[Server]]
"""Starts a peer with a folder of its own, a number of calls to replay, and the URL of a server."""


def python(module: str) -> Path:
    """Return the interpreter that has a module. Raises Skipped."""
    if not list(INSTALLED.glob(f"lib/python*/site-packages/{module}")):
        raise Skipped(f"{module} is not installed: make bench-peers")
    return INSTALLED / "bin" / "python"


def node_modules(name: str, command: str) -> Path:
    """Return the folder that has a package of npm. Raises Skipped."""
    folder = INSTALLED / "node" / "node_modules"
    if not (folder / name).is_dir():
        raise Skipped(f"{name} is not installed: make bench-peers")
    if shutil.which(command) is None:
        raise Skipped(f"{name} needs {command}")
    return folder


def uvicorn() -> Server:
    return Server([python("uvicorn"), OTHER / "idle.py", "uvicorn"])


def aiohttp() -> Server:
    return Server([python("aiohttp"), OTHER / "idle.py", "aiohttp"])


def talkback(folder: Path, _: int, upstream: str) -> Server:
    """Start talkback, which records the calls when they come for the first time."""
    modules = node_modules("talkback", "node")
    return Server(["node", OTHER / "talkback.js", modules, folder, upstream])


def wiremock(folder: Path, count: int, _: str) -> Server:
    """Start WireMock with a stub for each call."""
    (jar,) = (node_modules("wiremock", "java") / "wiremock" / "build").glob("*.jar")
    stubs = [
        {
            "request": {
                "method": "POST",
                "url": "/api/v1",
                "bodyPatterns": [{"equalToJson": call(number).decode()}],
            },
            "response": {
                "status": 200,
                "body": ANSWER.decode(),
                "headers": {"Content-Type": messages.JSON, "Content-Length": str(len(ANSWER))},
            },
        }
        for number in range(count)
    ]
    (folder / "mappings").mkdir()
    (folder / "mappings" / "all.json").write_text(json.dumps({"mappings": stubs}))
    options = ["--bind-address", "127.0.0.1", "--port", "0", "--no-request-journal"]
    return Server(["java", "-jar", jar, *options, "--root-dir", folder], r"port:\s+(\d+)")


def mitmproxy(folder: Path, count: int, upstream: str) -> Server:
    """Start mitmproxy's server replay with flows that it has recorded."""
    flows = folder / "flows"
    first, *others = (messages.post(call(number)) for number in range(count))
    with mitmdump(upstream, "-w", flows) as recorder, Visitor(recorder, 1, first) as visitor:
        visitor.microseconds_each(others)
    options = ["--set", "server_replay_reuse=true", "--set", "server_replay_extra=kill"]
    return mitmdump(upstream, "--server-replay", flows, *options)


def beside(start: Start, scope: Scope) -> Generator[Sample]:
    """Yield the CPU of a request to a replay and to a peer."""
    count = scope.size(RECORDINGS, QUICK_RECORDINGS)
    requests = [messages.post(call(number)) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        constant = Path(folder) / "answer"
        constant.write_bytes(messages.answer(ANSWER))
        exchanges = (messages.exchange(n, call(n - 1), ANSWER) for n in range(1, count + 1))
        path = messages.write(Path(folder) / "cassette.yaml", exchanges)
        own_folder = Path(folder) / "peer"
        own_folder.mkdir()
        upstream = opened.enter_context(bare("answer", constant))
        url = "http://{}:{}".format(*upstream.address)
        peer, ours = (
            opened.enter_context(Visitor(opened.enter_context(server), 1, requests[0]))
            for server in (start(own_folder, count, url), replay(path))
        )
        for visitor in (ours, peer):
            visitor.microseconds_each(requests)
        while True:
            yield Pair(ours.microseconds_each(requests), peer.microseconds_each(requests))


def vcr(scope: Scope) -> Generator[Sample]:
    """Yield the CPU until recordings are ready, and that of a request, beside those of vcrpy."""
    count = scope.size(VCR_RECORDINGS, QUICK_VCR_RECORDINGS)
    asked = [call(number).decode() for number in range(0, count, count // 100)]
    command = [python("vcr"), OTHER / "vcr_cassette.py"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vcr.json"
        path.write_text(
            json.dumps({"version": 1, "interactions": list(map(_vcr_call, range(count)))})
        )
        own = ready_costs(Path(folder), count)
        while True:
            done = subprocess.run([*command, path, *asked], capture_output=True, check=True)
            loading, answering = map(float, done.stdout.split())
            yield {
                "ready": Pair(next(own)["cpu"], loading / count * 1e6),
                "answer": answering * 1e6,
            }


def _vcr_call(number: int) -> dict[str, object]:
    headers = {"Content-Type": [messages.JSON]}
    return {
        "request": {
            "method": "POST",
            "uri": "http://127.0.0.1:5050/api/v1",
            "body": call(number).decode(),
            "headers": headers,
        },
        "response": {
            "status": {"code": 200, "message": "OK"},
            "headers": headers,
            "body": {"string": ANSWER.decode()},
        },
    }


def row(name: str, start: Start) -> Row:
    def measure(scope: Scope) -> Generator[Sample]:
        return beside(start, scope)

    return Row(f"1,000 in turn, {name}", measure, MICROSECONDS, AtMost(1), name, rounds=3)


ROWS = [
    row("talkback", talkback),
    row("WireMock", wiremock),
    row("mitmproxy", mitmproxy),
    Row("one of 10,000 ready, vcrpy", vcr, MICROSECONDS, AtMost(1), "vcrpy", "ready", 3),
    Row("an answer of 10,000, vcrpy", vcr, MICROSECONDS, part="answer", rounds=3),
]
