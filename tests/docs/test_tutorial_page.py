"""The session of docs/tutorial.md, from its first command to its last.

Numbers may differ from those of the page, and `…` stands for any lines. A block of text is what the
recorder prints when the reader stops it; the other servers run to the end.
"""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import MESOTAPE, Running, running
from support.paths import ROOT

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LISTEN = re.compile(r" --listen (\S+)$")


class Session:
    """The terminals of a reader."""

    def __init__(self, home: Path, servers: contextlib.ExitStack) -> None:
        self.folder, self.status, self._servers = ROOT, 0, servers
        self.recorder: Running | None = None
        self._real: dict[str, str] = {}
        bin_folder = home / "bin"
        bin_folder.mkdir()
        words = " ".join(f"'{word}'" for word in MESOTAPE)
        (bin_folder / "mesotape").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (bin_folder / "mesotape").chmod(0o755)
        (bin_folder / "python3").symlink_to(sys.executable)
        self._variables = os.environ | {
            "HOME": str(home),
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "no_proxy": "127.0.0.1",
            **{f"GIT_{who}_NAME": "A reader" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "reader@example.org" for who in ("AUTHOR", "COMMITTER")},
        }

    def type(self, command: str) -> str:
        """Return what a command prints."""
        if command.startswith("cd "):
            self.folder = Path(command[3:].replace("~", self._variables["HOME"]))
            return ""
        if command == "echo $?":
            return f"{self.status}\n"
        for shown, real in self._real.items():
            command = command.replace(shown, real)
        if listen := LISTEN.search(command):
            return self._start(command, listen[1])
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.status = done.returncode
        return done.stdout

    def _start(self, command: str, listen: str) -> str:
        words = LISTEN.sub(" --listen 127.0.0.1:0", command).split()[1:]
        server = self._servers.enter_context(running(*words, cwd=self.folder))
        self._real[f"http://{listen}"] = server.url
        if words[0] == "record":
            self.recorder = server
            return f"mesotape: recording {words[1]} on {server.url} into {words[3]}\n"
        return f"mesotape: replaying {words[1]} on {server.url}\n"


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what the page shows below it."""
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = step.partition("\n")
        yield command, shown


def is_as_shown(command: str, printed: str, shown: str) -> bool:
    if command == "echo $?":
        return printed == shown
    pattern = "(?:.*\n)*".join(map(re.escape, shown.split("…\n")))
    return re.fullmatch(re.sub(r"\d+", r"\\d+", pattern), printed) is not None


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with contextlib.ExitStack() as servers:
        yield Session(tmp_path, servers)


def test_the_session_goes_as_the_page_says(session: Session) -> None:
    names = {"python": "client.py", "yaml": "rules.yaml"}
    for language, text in BLOCK.findall(PAGE):
        if language in names:
            (session.folder / names[language]).write_text(text)
        elif language == "console":
            for command, shown in steps(text):
                printed = session.type(command)
                assert is_as_shown(command, printed, shown), (command, printed)
        else:
            assert language == "text"
            assert session.recorder is not None
            assert session.recorder.stop() == 0
            assert is_as_shown("", session.recorder.said, text), session.recorder.said
