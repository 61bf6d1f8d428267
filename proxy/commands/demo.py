"""`mesotape demo`: record and replay without a cluster.

The cassette that ships plays the cluster, with the recorder in front of it. A client with a token
makes calls in both encodings and subscribes for a few seconds. Then the new cassette is replayed to
the same client, both sets of answers are compared, and the cassette is scanned for secrets.
"""

import contextlib
import http.client
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from msgspec import Struct, field
from rich.console import Console
from rich.table import Table

from ...proto.api.negotiation import JSON, PROTOBUF
from ...proto.counted import counted
from ...proto.http.address import ServerUrl
from ...proto.messages.descriptors import message_class
from ...proto.recordio import Decoder, Record
from .console import EXIT_FAILURE, CommandError

SAMPLE = "master.yaml"
SUBSCRIBED_SECONDS = 4.5
STARTUP_SECONDS = 30.0
STOP_SECONDS = 10.0
CREDENTIALS = "Bearer 7Kq2mVx9TzR4bNw8"

VISIT = (
    ("SUBSCRIBE", JSON),
    ("SUBSCRIBE", PROTOBUF),
    ("GET_AGENTS", JSON),
    ("GET_OPERATIONS", JSON),
    ("GET_AGENTS", PROTOBUF),
    ("GET_WEIGHTS", PROTOBUF),
)


class ClientResult(Struct):
    """The answer to one call: a body, or the records of a stream."""

    call: str
    media: str
    status: int = 0
    payloads: list[bytes] = field(default_factory=list[bytes])
    error: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the payloads, in hex; equal for equal payloads in equal order."""
        return sha256(b"".join(b"%d\n%b" % (len(one), one) for one in self.payloads)).hexdigest()


def demo(output: Path | None) -> int:
    """Run the demo. Return 0 if both sets of answers are equal; raises CommandError."""
    folder = Path(tempfile.mkdtemp(prefix="mesotape-demo-"))
    cassette = output or folder / "demo.yaml"
    out = Console(soft_wrap=True, highlight=False)
    sample = files("mesotape.cassettes").joinpath("samples", SAMPLE)
    with _running(folder, "replay", str(sample)) as cluster:
        out.print(f"1. A recording of a real master plays the cluster on {cluster}")
        with _running(folder, "record", cluster, "-o", str(cassette), "--overwrite") as recorder:
            out.print(f"2. The recorder listens in front of it on {recorder}")
            out.print("3. A client calls and subscribes, through the recorder …")
            first = _make_calls(recorder)
    with _running(folder, "replay", str(cassette)) as player:
        out.print(f"4. The new cassette plays on {player}, and the client does the same again …\n")
        second = _make_calls(player)
    same = _compare(out, first, second)
    clean = _show_redaction(out, cassette)
    play = shlex.join([*_own_words(), "replay", str(cassette)])
    out.print(f"\nThe cassette: {cassette}\nPlay it:      {play}", markup=False)
    return 0 if same and clean else EXIT_FAILURE


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "mesotape.proxy.cli", *arguments]


def _own_words() -> list[str]:
    """Return the words that a user writes here to run mesotape."""
    if shutil.which("mesotape") is not None:
        return ["mesotape"]
    script = Path(sys.argv[0])
    if script.name == "mesotape" and os.access(script, os.X_OK):
        return [str(script)]
    return [sys.executable, "-P", "-m", "mesotape"]


@contextlib.contextmanager
def _running(folder: Path, command: str, *arguments: str) -> Generator[str]:
    """Run a command until the block ends. Yield its URL when it listens."""
    ready = folder / f"{command}-{time.monotonic_ns()}"
    process = subprocess.Popen(
        [*_command(command, *arguments), "--ready-file", ready],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + STARTUP_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise CommandError(f"{command} did not start: {process.communicate()[1].strip()}")
            time.sleep(0.02)
        yield ready.read_text().strip()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=STOP_SECONDS)
        if process.returncode != 0:
            raise CommandError(f"{command} failed: {stderr.strip()}")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _make_calls(url: str) -> list[ClientResult]:
    """Make all calls at the same time, each on its own connection."""
    results = [ClientResult(call, media) for call, media in VISIT]
    threads = [threading.Thread(target=_call, args=(url, got)) for got in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _call(url: str, got: ClientResult) -> None:
    deadline = time.monotonic() + SUBSCRIBED_SECONDS
    connection = http.client.HTTPConnection(*ServerUrl.parse(url).address, timeout=10)
    headers = {"Content-Type": got.media, "Accept": got.media, "Authorization": CREDENTIALS}
    try:
        connection.request("POST", "/api/v1", _body(got.call, got.media), headers)
        response = connection.getresponse()
        got.status = response.status
        if got.call != "SUBSCRIBE":
            got.payloads.append(response.read())
            return
        decoder = Decoder()
        while (left := deadline - time.monotonic()) > 0:
            connection.sock.settimeout(left)
            for piece in decoder.feed(response.read1()):
                assert isinstance(piece, Record)
                got.payloads.append(piece.payload)
    except TimeoutError:
        pass
    except (OSError, http.client.HTTPException) as error:
        got.error = f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def _body(call: str, media: str) -> bytes:
    if media == JSON:
        return b'{"type":"%b"}' % call.encode()
    kind = message_class("mesos.v1.master.Call")
    number: int = kind.DESCRIPTOR.enum_types_by_name["Type"].values_by_name[call].number
    return kind(type=number).SerializeToString()


def _show_redaction(out: Console, cassette: Path) -> bool:
    """Show what the cassette has in place of the token; return whether it has no secret."""
    lines = cassette.read_text("utf-8").splitlines()
    recorded = next(
        (line.strip() for line in lines if "Authorization:" in line), "no Authorization"
    )
    scan = subprocess.run(
        _command("scan", str(cassette)), capture_output=True, text=True, check=False
    )
    found = scan.stderr.strip().removeprefix("mesotape: ") or scan.stdout.strip()
    out.print(f"\n5. The client sent       Authorization: {CREDENTIALS}", markup=False)
    out.print(f"   the cassette has      {recorded}", markup=False)
    out.print(f"   mesotape scan finds   {found}", markup=False)
    return scan.returncode == 0 and not any(CREDENTIALS in line for line in lines)


def _compare(out: Console, first: list[ClientResult], second: list[ClientResult]) -> bool:
    table = Table("call", "encoding", "status", "recorded", "bytes", "replayed", box=None)
    same = True
    for one, two in zip(first, second, strict=True):
        equal = one.status == two.status == 200 and one.digest == two.digest and one.payloads
        same = same and bool(equal)
        count = counted(len(one.payloads), "event") if one.call == "SUBSCRIBE" else "1 answer"
        size = sum(map(len, one.payloads))
        verdict = "[green]identical[/]" if equal else f"[red]differs[/] {two.error or two.status}"
        table.add_row(one.call, one.media, str(one.status), count, str(size), verdict)
    with out.capture() as shown:
        out.print(table)
    out.print("\n".join(line.rstrip() for line in shown.get().splitlines()), markup=False)
    return same
