"""Every example in docs/edit.md prints what the page shows, and its options are those of --help."""

import re
from pathlib import Path

import pytest
from support.commands import run
from support.paths import ROOT

TEXT = (ROOT / "docs" / "edit.md").read_text()
EXAMPLES = re.findall(r"^```console\n\$ mesotape (.*?)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_prints_what_the_page_shows(command: str, printed: str, tmp_path: Path) -> None:
    sample = (ROOT / "cassettes" / "samples" / "master.yaml").read_bytes()
    (tmp_path / "master.yaml").write_bytes(sample)
    done = run(*command.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout + done.stderr) == (0, printed)


@pytest.mark.parametrize("command", ["cut", "merge", "rename"])
def test_each_option_is_described(command: str) -> None:
    options = set(
        re.findall(r"^  (?:-o, )?(--[a-z-]+)", run(command, "--help").stdout, re.MULTILINE)
    )
    section = TEXT.partition(f"\n## {command.capitalize()}\n")[2].partition("\n## ")[0]
    assert {one for one in options if f"`{one}" not in section} <= {"--output", "--help"}
