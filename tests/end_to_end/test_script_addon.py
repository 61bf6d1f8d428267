import contextlib
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.cassette_contents import kept
from support.commands import running
from support.sockets import (
    PATIENCE_SECONDS,
    SUBSCRIBE,
    Upstream,
    answer,
    connect,
    eventually,
    get,
    pass_stream,
    post,
)

from mesotape import addons

SCRIPT = Path(addons.__path__[0]) / "script.py"
ASKING = """
from mitmproxy import ctx

def client_disconnected(client):
    print("STATUS", ctx.master.commands.call("mesotape.status"), flush=True)
"""
"""A script of the user's, that calls our command as mitmproxy's console would."""

MITMDUMP = Path(sys.executable).with_name("mitmdump")


class Mitmdump:
    """A mitmdump with our script; `said` is its log, as far as it was read."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.said = ""

    def until(self, mark: str) -> str:
        assert self.process.stdout is not None
        while mark not in self.said:
            readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)
            assert readable, f"did not say {mark!r} but {self.said!r}"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"ended without saying {mark!r} but {self.said!r}"
            self.said += data.decode()
        return self.said

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        self.said += out.decode()
        return self.process.returncode


@contextlib.contextmanager
def mitmdump(folder: Path, upstream: Upstream, *options: str) -> Iterator[Mitmdump]:
    mode = f"reverse:{upstream.url}@127.0.0.1:0"
    asking = folder / "asking.py"
    asking.write_text(ASKING)
    command = [MITMDUMP, "--mode", mode, "--set", f"confdir={folder}", "-s", SCRIPT, "-s", asking]
    with subprocess.Popen(
        [*command, *(part for option in options for part in ("--set", option))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
    ) as process:
        try:
            yield Mitmdump(process)
        finally:
            process.kill()


def listening(dump: Mitmdump) -> tuple[str, int]:
    found = None
    while found is None:
        found = re.search(r"listening at ([0-9.]+):([0-9]+)\.", dump.until("listening at "))
    return found[1], int(found[2])


def talk(upstream: Upstream, address: tuple[str, int]) -> None:
    """A call, a stream, and another path, on two connections."""
    with connect(address) as client:
        client.send(post(b'{"type":"GET_HEALTH"}'))
        with upstream.accept() as server:
            server.message()
            server.send(answer(b'{"type":"GET_HEALTH"}', b"Content-Type: application/json"))
            client.message()
            client.send(get(b"/version", b"Authorization: Basic abc"))
            server.message()
            server.send(answer(b"{}"))
            client.message()
    with connect(address) as client:
        client.send(post(SUBSCRIBE))
        with upstream.accept() as server:
            server.message()
            pass_stream(server, client)


def shape(path: Path) -> str:
    """A cassette without what differs between two recordings: times, ports, and the upstream."""
    text = re.sub(r"(?m)^(  )?(at|after|recorded_at): .*", r"\1\2: …", path.read_text())
    text = re.sub(r"(?m)^upstream: .*", "upstream: …", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:…", text)


def test_in_mitmdump_the_same_is_recorded(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.yaml", tmp_path / "theirs.yaml"
    with Upstream() as upstream:
        with running("record", upstream.url, "-o", ours) as recorder:
            talk(upstream, recorder.address)
        with mitmdump(tmp_path, upstream, f"mesotape_cassette={theirs}") as dump:
            talk(upstream, listening(dump))
            eventually(lambda: len(kept(theirs)) == 3 and kept(theirs)[2].end, "end of the stream")
            assert dump.stop() == 0, dump.said
    assert re.search(f"(?m)^STATUS [0-9]+ exchanges, [0-9]+ events in {theirs}$", dump.said)
    assert "rror" not in dump.said
    assert shape(theirs) == shape(ours)


def test_a_cassette_that_exists_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    path.write_text("precious")
    with Upstream() as upstream, mitmdump(tmp_path, upstream, f"mesotape_cassette={path}") as dump:
        dump.until("is there already")
        assert dump.process.wait(timeout=30) == 1
    assert path.read_text() == "precious"


def test_an_option_without_sense_is_refused(tmp_path: Path) -> None:
    with Upstream() as upstream, mitmdump(tmp_path, upstream, "mesotape_existing=maybe") as dump:
        dump.until("mesotape_existing is 'maybe', expected refuse or overwrite or append")
        assert dump.process.wait(timeout=30) == 1


def test_without_a_cassette_nothing_is_recorded_and_the_status_says_so(tmp_path: Path) -> None:
    with Upstream() as upstream, mitmdump(tmp_path, upstream) as dump:
        talk(upstream, listening(dump))
        dump.until("STATUS not recording\n")
        assert dump.stop() == 0
    assert not list(tmp_path.glob("*.yaml"))
