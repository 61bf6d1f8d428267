"""Draw the panels of record and replay in a terminal, while clients call and subscribe.

python docs/pictures/panels.py docs/pictures

writes record.svg and replay.svg there.
"""

import contextlib
import http.client
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from draw import COLUMNS, FILES, MESOTAPE, VARIABLES, save_svg

PATIENCE_SECONDS = 60.0
KIND = "application/json"
SUBSCRIPTIONS = (KIND, "application/x-protobuf")
CALLS = ("GET_AGENTS", "GET_OPERATIONS")
CONTROL = re.compile(r"(\r?\n|\r|\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[lh])")


class Terminal:
    """A command in a terminal of its own, and its first URL."""

    def __init__(self, folder: Path, *words: str) -> None:
        ready = folder / f"{words[0]}.ready"
        ours, its = pty.openpty()
        command = [*MESOTAPE, *words, "--listen", "127.0.0.1:0", "--ready-file", str(ready)]
        self._process = subprocess.Popen(
            command, cwd=folder, env=VARIABLES, stdin=its, stdout=its, stderr=its
        )
        os.close(its)
        self._printed = b""
        threading.Thread(target=self._read, args=(ours,), daemon=True).start()
        wait_for(ready.exists, f"{words[0]} that listens")
        self.url = ready.read_text().split()[0]

    def _read(self, terminal: int) -> None:
        with contextlib.suppress(OSError):  # Linux, when the command has ended.
            while piece := os.read(terminal, 65536):
                self._printed += piece

    def screen(self) -> str:
        """Return the lines that are seen, with their colours."""
        lines, row = [""], 0
        for piece in CONTROL.split(self._printed.decode(errors="replace")):
            if piece.endswith("\n"):
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif piece.endswith("A"):
                row -= int(piece[2:-1] or 1)
            elif piece == "\x1b[2K":
                lines[row] = ""
            elif not CONTROL.fullmatch(piece):
                lines[row] += piece
        return "\n".join(lines).rstrip() + "\n"

    def close(self) -> None:
        """End the command as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE_SECONDS)


def draw(folder: Path) -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        work = Path(name)
        (work / "master.yaml").write_text(FILES["master.yaml"])
        replay = Terminal(work, "replay", "master.yaml")
        stack.callback(replay.close)
        record = Terminal(work, "record", replay.url, "-o", "cassette.yaml")
        stack.callback(record.close)
        with clients(record.url):
            wait_for(lambda: record.screen().count("TASK_UPDATED") == 2, "streams in the panel")
            screens = {"record": record.screen(), "replay": replay.screen()}
        urls = {replay.url: "http://127.0.0.1:5050", record.url: "http://127.0.0.1:5051"}
    commands = {
        "replay": "mesotape replay master.yaml --listen 127.0.0.1:5050",
        "record": "mesotape record http://127.0.0.1:5050 -o cassette.yaml --listen 127.0.0.1:5051",
    }
    for command, screen in screens.items():
        for url, shown in urls.items():
            screen = screen.replace(url, shown)
        save_svg(f"$ {commands[command]}\n{screen}", folder / f"{command}.svg", COLUMNS)


@contextlib.contextmanager
def clients(url: str) -> Iterator[None]:
    """Subscribe twice, and call until the block ends."""
    ended = threading.Event()

    def subscribe(kind: str) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            _call(url, "SUBSCRIBE", kind)

    def call() -> None:
        for number in range(1000):
            if ended.wait(0.4):
                return
            with contextlib.suppress(OSError, http.client.HTTPException):
                _call(url, CALLS[number % 2], KIND)

    for target, arguments in [(call, ()), *((subscribe, (kind,)) for kind in SUBSCRIPTIONS)]:
        threading.Thread(target=target, args=arguments, daemon=True).start()
    yield
    ended.set()


def _call(url: str, call: str, accept: str) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    headers = {"Content-Type": KIND, "Accept": accept}
    connection.request("POST", "/api/v1", f'{{"type": "{call}"}}', headers)
    connection.getresponse().read()


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition is true; end the script if it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"no {what}")
        time.sleep(0.05)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
