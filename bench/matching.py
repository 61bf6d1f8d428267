"""CPU of finding an answer in a large cassette against a small one, and of opening a large one.

Both playbacks answer the same kinds of calls in one process, in turns, each request with bytes that
never came before. Every answer was given once before, for the first time it is read from the file.
The one cassette is as recordings are, in which every other call is one of a few that come again and
again; of the other, no two calls are equal.
"""

import datetime
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mesotape.cassettes.answers.answer import ReplayResponse
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import Exchange, Header, Headers, Request, Response
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest

SMALL, LARGE = 10, 10_000
REQUESTS = 2000
ROUNDS = 9
OPENINGS = 5
MOST_RATIO = 1.15
MOST_SECONDS = 1.0

SAID = {
    "Host": "127.0.0.1:5050",
    "User-Agent": "python-requests/2.32.3",
    "Accept": "application/json",
    "Content-Type": "application/json",
}
HEADERS: Headers = {**SAID}
PAIRS = tuple((name.encode(), value.encode()) for name, value in SAID.items())
POLLED = ("GET_HEALTH", "GET_STATE", "GET_TASKS", "GET_AGENTS", "GET_FRAMEWORKS")
ANSWER = '{"type":"GET_HEALTH","get_health":{"healthy":true}}'


def call(number: int, *, polls: bool = True) -> str:
    """A call of a session."""
    if polls and number % 2:
        return f'{{"type":"{POLLED[number // 2 % len(POLLED)]}"}}'
    return f'{{"type":"READ_FILE","read_file":{{"path":"/f{number}","offset":0}}}}'


def cassette(path: Path, exchanges: int, *, polls: bool = True) -> Path:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    with path.open("wb") as file:
        file.write(yaml_writer.format_document(Header(mesotape=1, server="master", recorded_at=at)))
        for number in range(exchanges):
            file.write(yaml_writer.format_document(exchange(number, call(number, polls=polls))))
    return path


def exchange(number: int, text: str) -> Exchange:
    return Exchange(
        exchange=number + 1,
        at=float(number),
        client=1 + number % 7,
        request=Request(method="POST", path="/api/v1", headers=HEADERS, json=text),
        response=Response(after=0.001, status=200, headers=HEADERS, json=ANSWER),
    )


def requests(exchanges: int, began: int) -> Iterator[HttpRequest]:
    """Requests that are recorded, spelled as never before."""
    for number in range(began, began + REQUESTS):
        body = call(number * 7919 % exchanges).replace("{", f'{{"never":{number},', 1)
        yield HttpRequest(b"POST", b"/api/v1", PAIRS, body.encode())


def warm(playback: Playback, exchanges: int) -> Playback:
    """Have every answer given once."""
    for number in range(exchanges):
        playback.answer(HttpRequest(b"POST", b"/api/v1", PAIRS, call(number).encode()), 0.0)
    return playback


def per_answer(playback: Playback, sent: list[HttpRequest]) -> float:
    """Microseconds of CPU for an answer."""
    before = time.process_time()
    for request in sent:
        answer = playback.answer(request, 0.0)
        assert isinstance(answer, ReplayResponse), answer
    return (time.process_time() - before) / len(sent) * 1e6


def opening(path: Path) -> float:
    """Seconds of CPU until a cassette can be played."""
    gc.collect()
    before = time.process_time()
    with Cassette.open(path) as opened:
        Playback(opened, Options())
        return time.process_time() - before


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        paths = [cassette(Path(folder) / f"{size}.yaml", size) for size in (SMALL, LARGE)]
        unequal = cassette(Path(folder) / "unequal.yaml", LARGE, polls=False)
        seconds, slowest = (
            statistics.median(opening(path) for _ in range(OPENINGS))
            for path in (paths[1], unequal)
        )
        print(
            f"opening {LARGE} exchanges: {seconds:.2f} s of CPU (at most {MOST_SECONDS}),"
            f" {slowest:.2f} s if no two are equal"
        )
        with Cassette.open(paths[0]) as small, Cassette.open(paths[1]) as large:
            played = [
                (size, warm(Playback(opened, Options()), size))
                for size, opened in ((SMALL, small), (LARGE, large))
            ]
            times = [
                [
                    per_answer(playback, list(requests(size, turn * REQUESTS)))
                    for size, playback in played
                ]
                for turn in range(ROUNDS)
            ]
    few, many = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(b / a for a, b in times)
    print(
        f"an answer: {few:.1f} µs of {SMALL} exchanges, {many:.1f} µs of {LARGE},"
        f" ratio {ratio:.2f} (at most {MOST_RATIO})"
    )
    return int(seconds > MOST_SECONDS or ratio > MOST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
