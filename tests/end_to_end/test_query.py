"""`mesotape query` as a process: its output, and its errors."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import run
from support.paths import DATA, ROOT

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"


def test_csv_has_a_header_and_plain_values() -> None:
    sql = (
        "SELECT day, time, at_seconds, status, cause, path FROM exchanges ORDER BY exchange LIMIT 1"
    )
    done = run("query", SAMPLE, "--csv", sql)
    assert done.stderr == ""
    header, row = done.stdout.splitlines()
    assert header == "day,time,at_seconds,status,cause,path"
    day, time, at_seconds, *rest = row.split(",")
    assert time.startswith(f"{day}T")
    assert float(at_seconds) < 60
    assert rest == ["200", "", "/api/v1"]


def test_a_cassette_without_a_time_zone_is_in_utc(tmp_path: Path) -> None:
    naive = tmp_path / "naive.yaml"
    text = re.sub(r"^(recorded_at: .*)Z$", r"\1", SAMPLE.read_text(), count=1, flags=re.MULTILINE)
    assert text != SAMPLE.read_text()
    naive.write_text(text)
    sql = "SELECT time FROM events ORDER BY time"
    assert run("query", naive, "--csv", sql).stdout == run("query", SAMPLE, "--csv", sql).stdout
    done = run("report", naive, SAMPLE, "-o", tmp_path / "report.html")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)


def test_a_table_ends_after_many_rows_and_says_so() -> None:
    done = run("query", SAMPLE, "SELECT i FROM range(1001) AS r(i)")
    assert len(done.stdout.splitlines()) == 1001
    assert done.stderr == "mesotape: these are the first 1000 rows: --csv or --json prints all\n"
    whole = run("query", SAMPLE, "--json", "SELECT i FROM range(1001) AS r(i)")
    assert len(whole.stdout.splitlines()) == 1001


def test_what_a_terminal_would_obey_is_escaped() -> None:
    for words in ((), ("--json",)):
        done = run("query", SAMPLE, *words, "SELECT chr(27) || '[31m' AS red")
        assert "\x1b" not in done.stdout
        assert "red" in done.stdout


def test_values_of_any_type_are_printed() -> None:
    sql = "SELECT true AS a, [1, 2] AS b, {'x': 1} AS c, 1.50::DECIMAL(9, 2) AS d, NULL AS e"
    done = run("query", SAMPLE, "--json", sql)
    expected = {"a": True, "b": [1, 2], "c": {"x": 1}, "d": 1.5, "e": None}
    assert json.loads(done.stdout) == expected


def test_a_folder_is_one_set_of_tables() -> None:
    sql = "SELECT DISTINCT cassette FROM exchanges ORDER BY 1"
    done = run("query", DATA, "--csv", sql, cwd=DATA)
    names = [Path(line).name for line in done.stdout.splitlines()[1:]]
    assert "golden.yaml" in names


ERRORS = [
    (("none.yaml", "SELECT 1"), "none.yaml: there is no such file"),
    (("--csv", "--json", str(SAMPLE), "SELECT 1"), "--json and --csv exclude each other"),
    ((str(SAMPLE), "SELECT nothing"), 'Binder Error: Referenced column "nothing"'),
    ((str(SAMPLE), "COPY events TO 'x'"), "Permission Error: Cannot access file"),
    ((str(SAMPLE), "FROM read_csv('x')"), "Permission Error: Cannot access file"),
]


@pytest.mark.parametrize(("words", "error"), ERRORS, ids=[each[1] for each in ERRORS])
def test_an_error_is_one_line(tmp_path: Path, words: tuple[str, ...], error: str) -> None:
    done = run("query", *words, cwd=tmp_path)
    assert done.returncode == (2 if error.startswith("--json") else 1)
    assert done.stderr.startswith(f"mesotape: {error}")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_extra_is_named_where_it_is_missing() -> None:
    code = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from mesotape.proxy.cli import main\n"
        f"sys.argv = ['mesotape', 'query', {str(SAMPLE)!r}, 'SELECT 1']\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "mesotape: query needs DuckDB and pyarrow: pip install 'mesotape[query]'"
    )
    assert len(done.stderr.splitlines()) == 1
