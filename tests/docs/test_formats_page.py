"""Every example in docs/formats.md prints what the page shows."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.commands import run
from support.paths import DATA, ROOT

TEXT = (ROOT / "docs" / "formats.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
EXAMPLES = [
    example
    for block in BLOCKS
    for example in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the examples run, each after those before it."""
    folder = tmp_path_factory.mktemp("formats")
    shutil.copy(ROOT / "cassettes" / "samples" / "master.yaml", folder)
    for path in (DATA / "packets").iterdir():
        shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_prints_what_the_page_shows(command: str, printed: str, folder: Path) -> None:
    output = _printed(command, folder)
    if printed.endswith("…\n"):
        assert output.startswith(printed.removesuffix("…\n"))
    else:
        assert output == printed


def _printed(command: str, folder: Path) -> str:
    name, _, arguments = command.partition(" ")
    if name == "mesotape":
        done = run(*arguments.split(), cwd=folder)
        assert done.returncode == 0
        return done.stdout + done.stderr
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}")
    shell = subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, check=True
    )
    return shell.stdout
