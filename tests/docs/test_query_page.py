"""The examples and questions in docs/query.md are answered as the page says."""

import json
import re
import shlex
from pathlib import Path

import pytest
from support.commands import run
from support.docs_questions import ANSWERS, PAGE, QUESTIONS, write_recordings
from support.paths import ROOT

from mesotape.cassettes.tables.schemas import SCHEMA_VERSION, TABLES

EXAMPLES = re.findall(r"^```console\n\$ mesotape (.*?)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_prints_what_the_page_shows(command: str, printed: str) -> None:
    done = run(*shlex.split(command), cwd=ROOT / "cassettes" / "samples")
    assert done.stdout + done.stderr == printed


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10
    assert list(QUESTIONS) == list(ANSWERS)


@pytest.fixture(scope="module")
def exported(recordings: Path) -> Path:
    folder = recordings.with_name("recordings.parquet")
    assert run("export", ".", "-o", folder, cwd=recordings).returncode == 0
    return folder


@pytest.mark.parametrize("source", ["recordings", "exported"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(
    source: str, question: str, recordings: Path, request: pytest.FixtureRequest
) -> None:
    folder = "." if source == "recordings" else request.getfixturevalue(source)
    done = run("query", folder, "--json", QUESTIONS[question], cwd=recordings)
    assert done.stderr == ""
    assert [json.loads(line) for line in done.stdout.splitlines()] == ANSWERS[question]


def columns_of(rows: str) -> list[tuple[str, ...]]:
    return re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", rows, re.MULTILINE)


def test_the_page_lists_all_tables_and_columns() -> None:
    common = columns_of(PAGE.partition("\n### All tables\n")[2].partition("\n### ")[0])
    sections = re.findall(r"^### (\w+)\n((?:.*\n)*?)(?=^### |\Z)", PAGE, re.MULTILINE)
    assert {table: common + columns_of(rows) for table, rows in sections} == {
        table: [(each.name, each.type, each.meaning) for each in columns]
        for table, columns in TABLES.items()
    }
    assert f"version of these tables is {SCHEMA_VERSION}." in PAGE
