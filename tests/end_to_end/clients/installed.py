"""The clients that `make clients` installs, as commands."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALLED = HERE.parents[2] / ".venv-clients"
SECONDS = 60.0


def mesoshttp(url: str, folder: Path) -> list[str]:
    """Run the scheduler that uses mesoshttp to its end; give what it printed."""
    python = existing(INSTALLED / "bin" / "python")
    return printed([python, HERE / "scheduler_mesoshttp.py", url], folder)


def mesos_framework(url: str, folder: Path, *options: str) -> list[str]:
    """Run the scheduler that uses mesos-framework to its end; give what it printed."""
    modules = existing(INSTALLED / "node" / "node_modules")
    existing(modules / "mesos-framework")
    node = shutil.which("node")
    assert node is not None, "there is no node on the PATH"
    host, port = url.removeprefix("http://").split(":")
    command = [node, HERE / "scheduler_mesos_framework.js", host, port, *options]
    said = printed(command, folder, NODE_PATH=str(modules))
    return [line for line in said if line.startswith(("event ", "call ", "error ", "exit "))]


def existing(path: Path) -> Path:
    if not path.exists():
        pytest.fail(f"{path} is not there: run `make clients`")
    return path


def printed(command: list[str | Path], folder: Path, **environment: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    (folder / "stderr").write_text(done.stderr)
    return [*done.stdout.splitlines(), f"exit {done.returncode}"]
