"""docs/performance.md and bench/README.md name rows that exist."""

import re
import subprocess
import sys

import pytest
from support.paths import ROOT

PAGE = (ROOT / "docs" / "performance.md").read_text()
README = (ROOT / "bench" / "README.md").read_text()
TABLE = README.partition("```text\n")[2].partition("```")[0]
NAME_WIDTH = 33
"""The width of the first column."""


@pytest.fixture(scope="module")
def rows() -> set[str]:
    command = [sys.executable, ROOT / "bench" / "run.py", "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(listed.stdout.splitlines())


def rows_of_table(table: str) -> list[str]:
    """Return the names of the rows of a printed table: `topic: row`."""
    topic, found = "", list[str]()
    for line in table.splitlines():
        if re.fullmatch(r"[a-z_]+", line):
            topic = line
        elif topic and not line.startswith("─"):
            found.append(f"{topic}: {line[:NAME_WIDTH].strip()}")
        elif topic:
            break
    return found


def test_the_rows_of_the_last_table_exist(rows: set[str]) -> None:
    found = rows_of_table(TABLE)
    assert len(found) > 60
    assert not [row for row in found if row not in rows]


def test_each_figure_is_of_a_row_that_exists(rows: set[str]) -> None:
    figures = re.findall(r"^\| (?!-|what)(.*) \|$", PAGE, re.MULTILINE)
    assert len(figures) > 15
    named = [re.findall(r"`([a-z_]+: [^`]+)`", figure) for figure in figures]
    assert all(named), figures
    assert not [row for each in named for row in each if row not in rows]
