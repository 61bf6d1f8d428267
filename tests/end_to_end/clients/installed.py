"""The clients that `make clients` installs, as commands.

Each function runs one to its end and returns the lines that it printed. It takes the URL of the
master or agent, a folder for the client's files, and further arguments of the script.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSTALLED = HERE.parents[2] / ".venv-clients"
NO_PYMESOS = (
    "pymesos is not installed: it needs http-parser, which does not build with Python 3.12;"
    " install Python 3.8 and a C compiler, and run `make clients` again"
)
SECONDS = 60.0


def mesoshttp(url: str, folder: Path, *options: str) -> list[str]:
    return _mesoshttp("mesoshttp", url, folder, *options)


def avmesos(url: str, folder: Path, *options: str) -> list[str]:
    return _mesoshttp("avmesos", url, folder, *options)


def _mesoshttp(library: str, url: str, folder: Path, *options: str) -> list[str]:
    python = existing(INSTALLED / "bin" / "python")
    return printed([python, HERE / "scheduler_mesoshttp.py", library, url, *options], folder)


def pymesos(url: str, folder: Path, *options: str) -> list[str]:
    return _pymesos("scheduler_pymesos.py", url, folder, *options)


def pymesos_operator(url: str, folder: Path, *options: str) -> list[str]:
    return _pymesos("operator_pymesos.py", url, folder, *options)


def pymesos_containers(url: str, folder: Path, *options: str) -> list[str]:
    return _pymesos("containers_pymesos.py", url, folder, *options)


def _pymesos(script: str, url: str, folder: Path, *options: str) -> list[str]:
    command: list[str | Path] = [pymesos_python(), HERE / script, url.removeprefix("http://")]
    return printed([*command, *options], folder)


def pymesos_python() -> Path:
    """Return the interpreter that has pymesos; skip the test if there is none."""
    if not (INSTALLED / ".installed-pymesos").exists():
        existing(INSTALLED)
        pytest.skip(NO_PYMESOS)
    return INSTALLED / "pymesos" / "bin" / "python"


def mesos_framework(url: str, folder: Path, *options: str) -> list[str]:
    host, port = url.removeprefix("http://").split(":")
    said = _node("scheduler_mesos_framework.js", folder, host, port, *options)
    return [line for line in said if line.startswith(("event ", "call ", "error ", "exit "))]


def mesos_client_operator(url: str, folder: Path, *options: str) -> list[str]:
    return _node("operator_mesos_client.js", folder, url, *options)


def mesos_client_containers(url: str, folder: Path, *options: str) -> list[str]:
    return _node("containers_mesos_client.js", folder, url, *options)


def _node(script: str, folder: Path, *arguments: str) -> list[str]:
    modules = existing(INSTALLED / "node" / "node_modules")
    node = shutil.which("node")
    assert node is not None, "there is no node on the PATH"
    return printed([node, HERE / script, *arguments], folder, NODE_PATH=str(modules))


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
