"""Opening large cassettes, and finding answers in them.

Opening is one scan; the least that it can be is a search for the marks between documents. The
exchanges of a session are as recordings are: every other call is one of a few that come again and
again, of the others no two are equal.
"""

import gc
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path

import messages
from processes import own_cpu_seconds, peak_bytes, replay
from table import BYTES, MEGABYTES, MICROSECONDS, SECONDS, AtMost, Pair, Row, Sample, Scope

from mesotape.cassettes.answers.answer import ReplayResponse
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import Event
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest

BLOCK_BYTES = 1 << 20
MARK = b"\n---\n"
FEW = 10
REQUESTS = 2000
ASKED = 100
NUMBER = 7_777_770
"""The first of ten that stand for numbers of exchanges, and occur nowhere else."""

OPEN = (
    "import sys; from mesotape.cassettes.storage.reader import Cassette; Cassette.open(sys.argv[1])"
)

POLLED = ("GET_HEALTH", "GET_STATE", "GET_TASKS", "GET_AGENTS", "GET_FRAMEWORKS")
ANSWER = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'
HEADERS = tuple(
    (name.encode(), str(value).encode()) for name, value in messages.request_headers().items()
)


def call(number: int) -> bytes:
    """A call of a session."""
    if number % 2:
        return b'{"type":"%b"}' % POLLED[number // 2 % len(POLLED)].encode()
    return b'{"type":"READ_FILE","read_file":{"path":"/f%d","offset":0}}' % number


def session(path: Path, count: int) -> Path:
    """Write a cassette of `count` exchanges, by ten templates."""
    templates = [
        yaml_writer.format_exchange(messages.exchange(number, call(number), ANSWER))
        .replace(b"%", b"%%")
        .replace(b"%d" % number, b"%(n)d")
        for number in range(NUMBER, NUMBER + 10)
    ]
    messages.write(path, [])
    with path.open("ab") as file:
        file.writelines(templates[n % 10] % {b"n": n} for n in range(1, count + 1))
    return path


def small_documents(path: Path, size: int) -> Path:
    """Write a cassette of one stream, with events of 300 bytes."""
    first, event, *_ = messages.stream(1, [(0.0, messages.EVENT)])
    assert isinstance(event, Event)
    before, number, after = yaml_writer.format_event(event).partition(b"event: 1")
    messages.write(path, [first])
    with path.open("ab") as file:
        count = 0
        while file.tell() < size:
            block = range(count + 1, count + 1001)
            file.writelines(b"%bevent: %d%b" % (before, each, after) for each in block)
            count += 1000
    assert number
    return path


def search_for_marks(path: Path) -> None:
    """Do the least that can be done."""
    with path.open("rb") as file:
        while data := file.read(BLOCK_BYTES):
            data.count(MARK)


def opens(scope: Scope) -> Generator[Sample]:
    with tempfile.TemporaryDirectory() as folder:
        size = scope.size(1_000_000_000, 20_000_000)
        path = small_documents(Path(folder) / "large.yaml", size)
        least = small_documents(Path(folder) / "small.yaml", 1)
        search_for_marks(path)
        while True:
            gc.collect()
            sample: dict[str, float | Pair] = {
                "cpu": Pair(
                    own_cpu_seconds(lambda: Cassette.open(path).close()),
                    own_cpu_seconds(lambda: search_for_marks(path)),
                )
            }
            if "memory" in scope.parts:
                more = peak_bytes(OPEN, path) - peak_bytes(OPEN, least)
                sample["memory"] = more / 1e6
            yield sample


def ready(scope: Scope) -> Generator[Sample]:
    """Yield what one of many exchanges takes until a replay is ready."""
    with tempfile.TemporaryDirectory() as folder:
        yield from ready_costs(Path(folder), scope.size(100_000, 10_000))


def ready_costs(folder: Path, count: int) -> Generator[dict[str, float]]:
    """Yield the same, when a replay is ready and when it has given some answers."""
    sizes = {session(folder / f"{size}.yaml", size): size for size in (count, FEW)}
    while True:
        many, few = (_costs(path, size) for path, size in sizes.items())
        each = {part: (cost - few[part]) / (count - FEW) for part, cost in many.items()}
        yield {part: cost * (1 if "memory" in part else 1e6) for part, cost in each.items()}


def _costs(path: Path, size: int) -> dict[str, float]:
    with replay(path) as server:
        cpu, memory = server.cpu_seconds(), server.resident_bytes()
        for number in range(ASKED):
            server.ask(messages.post(call(1 + number * 7919 % size)))
        return {
            "cpu": cpu,
            "memory": memory,
            "cpu later": server.cpu_seconds(),
            "memory later": server.resident_bytes(),
        }


def first_answer(scope: Scope) -> Generator[Sample]:
    """Yield the CPU seconds from the start of a replay until it has answered."""
    with tempfile.TemporaryDirectory() as folder:
        path = session(Path(folder) / "many.yaml", scope.size(1_000_000, 10_000))
        while True:
            with replay(path) as server:
                server.ask(messages.post(call(2)))
                yield server.cpu_seconds()


def requests(exchanges: int, turn: int, began: int = 0) -> Iterable[HttpRequest]:
    """Yield requests that are recorded, spelled as in no other turn."""
    for number in range(began, began + REQUESTS):
        spelled = b'{"never":%d,' % (turn * 10 * REQUESTS + number % REQUESTS)
        body = call(1 + number * 7919 % exchanges).replace(b"{", spelled, 1)
        yield HttpRequest(b"POST", b"/api/v1", HEADERS, body)


def microseconds_each(playback: Playback, sent: Iterable[HttpRequest]) -> float:
    """CPU of an answer; each has been read from the file before."""
    listed = list(sent)

    def answer_all() -> None:
        for request in listed:
            assert isinstance(playback.answer(request, 0.0), ReplayResponse)

    return own_cpu_seconds(answer_all) / len(listed) * 1e6


def finds(scope: Scope) -> Generator[Sample]:
    """Yield the CPU of an answer of many exchanges, and of few."""
    count = scope.size(10_000, 3000)
    with tempfile.TemporaryDirectory() as folder:
        playbacks: list[tuple[int, Playback]] = []
        for exchanges in (count, FEW):
            opened = Cassette.open(session(Path(folder) / f"{exchanges}.yaml", exchanges))
            playback = Playback(opened, Options())
            for number in range(1, exchanges + 1):
                playback.answer(HttpRequest(b"POST", b"/api/v1", HEADERS, call(number)), 0.0)
            playbacks.append((exchanges, playback))
        turn = 0
        while True:
            turn += 1
            many, few = (
                microseconds_each(playback, requests(exchanges, turn, turn * REQUESTS))
                for exchanges, playback in playbacks
            )
            yield Pair(many, few)


ROWS = [
    Row("1 GB of small documents", opens, SECONDS, AtMost(2), "search for marks", "cpu"),
    Row("1 GB: memory", opens, MEGABYTES, AtMost(40), part="memory"),
    Row("an exchange ready to match", ready, MICROSECONDS, AtMost(15), part="cpu", rounds=3),
    Row("its memory", ready, BYTES, AtMost(400), part="memory", rounds=3),
    Row(
        "one ready, after 100 answers", ready, MICROSECONDS, AtMost(15), part="cpu later", rounds=3
    ),
    Row("its memory, after 100 answers", ready, BYTES, AtMost(400), part="memory later", rounds=3),
    Row("first answer of 1,000,000", first_answer, SECONDS, AtMost(2), rounds=1),
    Row("an answer of 10,000", finds, MICROSECONDS, AtMost(1.15), "one of 10"),
]
