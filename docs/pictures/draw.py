"""Draw the picture of README.md: a terminal in which these commands have run.

python docs/pictures/draw.py docs/pictures/terminal.svg
"""

import io
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

SAMPLE = Path(__file__).parents[2] / "cassettes" / "samples" / "master.yaml"
COLUMNS = 104
CALL = 'curl -s -d \'{"type":"%s"}\' -H Content-Type:application/json $MESOTAPE_URL/api/v1\n'
FILES = {
    "master.yaml": SAMPLE.read_text(),
    "agents.sh": CALL.strip() % "GET_AGENTS" + " | grep -o 'node-[0-9].example' | sort -u\n",
    "state.sh": CALL.strip() % "GET_STATE" + " -o answer.json\n",
}
COMMANDS = (
    "mesotape inspect master.yaml --client 1 --type TASK_ADDED --type HEARTBEAT --until 2",
    "mesotape replay master.yaml -- sh agents.sh",
    "mesotape replay master.yaml -- sh state.sh",
)
MESOTAPE = (sys.executable, "-m", "mesotape.proxy.cli")
VARIABLES = os.environ | {
    "TERM": "xterm-256color",
    "COLUMNS": str(COLUMNS),
    "PAGER": "cat",
    "no_proxy": "127.0.0.1",
    "NO_COLOR": "",
}
PORT = re.compile(r"(127\.0\.0\.1:)\d+")
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw(path: Path) -> str:
    """Write the picture. Return its text."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / name).write_text(text)
        shown = "".join(f"$ {command}\n{_run(command, folder)}" for command in COMMANDS)
    return save_svg(PORT.sub(r"\g<1>5050", shown), path, COLUMNS)


def save_svg(shown: str, path: Path, columns: int) -> str:
    """Write what a terminal shows as a picture. Return its text."""
    text = Text.from_ansi(shown.replace("\r", ""))
    console = Console(record=True, width=columns, file=io.StringIO())
    console.print(text, soft_wrap=False)
    picture = console.export_svg(title="mesotape", theme=DIMMED_MONOKAI, unique_id=path.stem)
    # The fonts are those of the reader, not of a server.
    path.write_text(FONT_FACE.sub("", picture))
    return text.plain


def _run(command: str, folder: str) -> str:
    """Return what a command prints on a terminal, which has colours."""
    words = [*MESOTAPE, *shlex.split(command)[1:]]
    ours, its = pty.openpty()
    with subprocess.Popen(words, cwd=folder, env=VARIABLES, stdout=its, stderr=its):
        os.close(its)
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            return _read_all(terminal).decode()


def _read_all(terminal: io.RawIOBase) -> bytes:
    printed = b""
    while True:
        try:
            piece = terminal.read(65536)
        except OSError:  # Linux, when the last program has closed the terminal.
            return printed
        if not piece:
            return printed
        printed += piece


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
