"""Damaged cassettes: `python bench/fuzz_cassettes.py [INPUTS] [SEED]`, or `make fuzz`.

Each is read as a user would read it: by validate, inspect, scan and replay, on a terminal. A
traceback, a character that the terminal obeys, a line end within a head of an answer, or a slow
command is a failure, and the cassette that caused it is kept.
"""

import contextlib
import io
import itertools
import os
import random
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path

import click

from mesotape.cassettes.answers.answer import StreamedResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.validation.judge import open_for_playing
from mesotape.proto.http.request import HttpRequest
from mesotape.proxy.cli import cli
from mesotape.proxy.commands.console import CommandError, print_to_stderr
from mesotape.proxy.commands.messages import messages

SAMPLE = Path(__file__).parents[1] / "cassettes" / "samples" / "master.yaml"
SLOW_SECONDS = 20.0
MOST_STEPS = 200
COMMANDS = (
    ["validate"],
    ["validate", "--json"],
    ["inspect"],
    ["inspect", "--json"],
    ["inspect", "--show", "1", "--show", "5"],
    ["scan"],
)
OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
HEAD = re.compile(rb"HTTP/1\.1 [2-5]\d\d [^\r\n\0]*\r\n([^\r\n\0]+\r\n)*\r\n")
KEYS = re.compile(rb"(?m)^ *[\w-]+:")
VALUES = re.compile(rb"(?m)(?<=: )[^\n|]+$")
BITS: tuple[bytes, ...] = (
    b"\x1b[2J", b"\r\n", b"\n", b"\0", b"\xff", b"\xe2\x80\xae", b'"\\r\\nX: y"', b'"\\e[2J"',
    b'"\\ud800"', b"[]", b"{}", b"[a, b]", b"-1", b"0", b"1e400", b".inf", b".nan", b"9" * 5000,
    b"%d" % (1 << 63), b"%d" % (1 << 64), b"0x" + b"f" * 99, b"100", b"600", b"&a ", b"*a",
    b"!!python/name:os.system ", b"? ", b"- ", b"|2", b"'", b'"', b"\t", b"%YAML 9.9\n",
    b"\n...\n", b"\n---\n", b"[" * 300, b"null", b"~", b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80",
    b"true", b"2026-11-22", b"0001-01-01T00:00:00+23:59", b"a" * 5000, b"base64: !!!", b"json: {",
    b"stream: chunks", b"from: client", b"spacing: jackson", b"malformed: x", b"status:", b"at:",
)  # fmt: skip


class Terminal(io.StringIO):
    """What is printed on a terminal without colours: of other files, click removes escapes."""

    def isatty(self) -> bool:
        return True


def documents(data: bytes) -> list[bytes]:
    return [part + b"\n...\n" for part in data.split(b"\n...\n") if part.strip()]


def damaged(parts: list[bytes], dice: random.Random) -> bytes:
    """Return a short cassette with one to four faults; one in eight is nonsense."""
    if dice.random() < 0.125:
        return b"".join(dice.choice((*BITS, dice.randbytes(8))) for _ in range(dice.randrange(40)))
    chosen = sorted(dice.sample(range(1, len(parts)), min(12, len(parts) - 1)))
    data = bytearray(parts[0] + b"".join(parts[number] for number in chosen))
    for _ in range(dice.randrange(1, 5)):
        at, bit = dice.randrange(len(data) + 1), dice.choice(BITS)
        spans = [match.span() for match in (KEYS, VALUES)[dice.randrange(2)].finditer(data)]
        start, stop = dice.choice(spans) if spans else (at, at)
        match dice.randrange(7):
            case 0:
                data[start:stop] = bit
            case 1:
                data[stop:stop] = bit
            case 2:
                data[at : at + 1] = dice.randbytes(1)
            case 3:
                del data[at : at + dice.randrange(1, 60)]
            case 4:
                data[at:at] = bit
            case 5:
                data[at:at] = data[start : start + dice.randrange(1, 600)]
            case _:
                data[start:stop] = (
                    dice.choice((b"status", b"event", b"of", b"at", b"json", b"proto")) + b":"
                )
    return bytes(data)


def run_command(arguments: list[str]) -> str:
    """Return what a command prints. It may raise errors that are meant for users, and no others."""
    out, messages_out = Terminal(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(messages_out):
        try:
            cli.main(arguments, standalone_mode=False)
        except (CommandError, click.ClickException) as error:
            print_to_stderr(str(error))
        messages.flush()
    return out.getvalue() + messages_out.getvalue()


def play(path: Path, dice: random.Random) -> str:
    """Answer each recorded request, and one that is not; return what is said about the cassette."""
    try:
        cassette, findings = open_for_playing(path, max_examined_bytes=dice.choice((0, 1 << 30)))
    except CassetteError as error:
        return str(error)
    said = [each.describe(path) for each in findings]
    with cassette:
        try:
            playback = Playback(cassette, Options(pace=Instant()))
            exchanges = list(cassette.exchanges())
        except CassetteError as error:
            return str(error)
        requests = [HttpRequest(b"GET", b"/\x1b[2J\xff", ((b"A\xff", b"\x1b"),), b"\xff")]
        for each in exchanges:
            with contextlib.suppress(ValueError):
                target = each.request.path.encode("latin-1")
                requests.append(HttpRequest(each.request.method.encode("latin-1"), target, (), b""))
        for number, request in enumerate(requests, 1):
            try:
                answer = playback.answer(request, float(number), number)
                if isinstance(answer, StreamedResponse):
                    assert HEAD.fullmatch(answer.head), answer.head
                    for _ in itertools.islice(answer.steps, MOST_STEPS):
                        pass
                elif isinstance(answer, Miss):
                    said += [str(answer), answer.to_json().decode()]
                elif answer.status is not None:
                    assert HEAD.fullmatch(answer.head), answer.head
            except (ValueError, LookupError) as error:  # The server answers with a 500.
                said.append(str(error))
    return "\n".join(said)


def attack(data: bytes, folder: Path, dice: random.Random) -> float:
    """Let all commands read a cassette; return the seconds of the slowest."""
    path, slowest = folder / "cassette.yaml", 0.0
    path.write_bytes(data)
    for arguments in (*COMMANDS, None):
        began = time.perf_counter()
        text = play(path, dice) if arguments is None else run_command([*arguments, str(path)])
        seconds = time.perf_counter() - began
        slowest = max(slowest, seconds)
        assert (found := OBEYED.search(text)) is None, f"{arguments}: {found!r}"
        assert seconds < SLOW_SECONDS, f"{arguments}: {seconds:.1f} s"
    return slowest


def main() -> int:
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    warnings.simplefilter("ignore")
    os.environ |= {"NO_COLOR": "1", "TERM": "dumb"}
    parts = documents(SAMPLE.read_bytes())
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(inputs):
            dice = random.Random(seed + number)
            data = damaged(parts, dice)
            try:
                slowest = max(slowest, attack(data, Path(folder), dice))
            except BaseException:
                kept = Path(tempfile.gettempdir()) / f"mesotape-fuzz-{seed + number}.yaml"
                kept.write_bytes(data)
                print(f"failed: seed {seed + number}, {kept}", flush=True)
                raise
    print(f"{inputs} cassettes: no traceback; slowest command {slowest * 1000:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
