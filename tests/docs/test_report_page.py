"""The examples in docs/report.md, and its options."""

import re
from pathlib import Path

from support.commands import run
from support.paths import ROOT

TEXT = (ROOT / "docs" / "report.md").read_text()


def test_the_examples_do_what_the_page_says(tmp_path: Path) -> None:
    sample = (ROOT / "cassettes" / "samples" / "master.yaml").read_bytes()
    (tmp_path / "master.yaml").write_bytes(sample)
    command, printed = re.findall(r"^\$ mesotape (.*)\n(.*\n)", TEXT, re.MULTILINE)[0]
    done = run(*command.split(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, printed)
    (tmp_path / "test.yaml").write_bytes(sample)
    for line in re.findall(r"^    mesotape (.*)$", TEXT, re.MULTILINE):
        words = line.replace("-- pytest", "--listen 127.0.0.1:0 --require none -- true").split()
        done = run(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_each_option_is_described() -> None:
    options = re.findall(r"^  (?:-o, )?(--[a-z-]+)", run("report", "--help").stdout, re.MULTILINE)
    table = TEXT.partition("## Options")[2]
    assert [one for one in options if one not in table and one != "--help"] == []
    assert "--receipt" in options
