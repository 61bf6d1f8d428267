"""A mitmdump process with the addon script, and the address on which it listens."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mesotape import addons
from support.sockets import (
    PATIENCE_SECONDS,
    Upstream,
)

SCRIPT = Path(addons.__path__[0]) / "script.py"

ASKING = """
from mitmproxy import ctx

def client_disconnected(client):
    print("STATUS", ctx.master.commands.call("mesotape.status"), flush=True)
"""
"""A script of a user that runs our command as mitmproxy's console does."""

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
