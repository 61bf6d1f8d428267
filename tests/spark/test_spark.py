"""Spark finds the same as DuckDB: `make test-spark` runs this, with Java 17 or newer."""

import datetime
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.docs_questions import ANSWERS, CAPTURES, QUESTIONS, write_recordings
from support.paths import ROOT

pytest.importorskip("pyspark")
pytestmark = pytest.mark.timeout(600)  # Spark takes half a minute to start.

TABLES = ("exchanges", "events", "tasks", "agents", "offers", "problems")
SCRIPT = (ROOT / "docs" / "scale.md").read_text().partition("```python\n")[2].partition("```")[0]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    import mesotape

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    builder = builder.config("spark.sql.python.filterPushdown.enabled", "true")
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    session.dataSource.register(mesotape.SparkSource)
    yield session
    session.stop()


def tables_of(question: str) -> list[str]:
    return [each for each in TABLES if re.search(rf"\b(FROM|JOIN) {each}\b", QUESTIONS[question])]


def use_cassettes(spark: Any, folder: Path, question: str, split: int = 1 << 27) -> None:
    for table in tables_of(question):
        reader = spark.read.format("mesotape").option("table", table).option("split", str(split))
        reader.load(str(folder)).createOrReplaceTempView(table)


@pytest.fixture(scope="module")
def exported(recordings: Path) -> Path:
    from mesotape.cassettes.tables.parquet_files import write_parquet

    folder = recordings.with_name("recordings.parquet")
    write_parquet(sorted(recordings.iterdir()), folder, lambda path, done: None)
    return folder


def answer(spark: Any, question: str, folder: Path) -> list[dict[str, Any]]:
    rows = [row.asDict() for row in spark.sql(QUESTIONS[question]).collect()]
    for row in rows:
        for name, value in row.items():
            if isinstance(value, datetime.datetime):
                row[name] = value.isoformat()
        if "cassette" in row:
            row["cassette"] = str(Path(row["cassette"]).relative_to(folder))
    return json.loads(json.dumps(rows))


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_on_cassettes(spark: Any, recordings: Path, question: str) -> None:
    use_cassettes(spark, recordings, question)
    assert answer(spark, question, recordings) == ANSWERS[question]


@pytest.mark.parametrize("question", [list(QUESTIONS)[number] for number in (0, 1, 3)])
def test_a_question_on_parts_of_cassettes(spark: Any, recordings: Path, question: str) -> None:
    use_cassettes(spark, recordings, question, 150_000)
    assert answer(spark, question, recordings) == ANSWERS[question]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_on_parquet(spark: Any, recordings: Path, exported: Path, question: str) -> None:
    for table in tables_of(question):
        spark.read.parquet(str(exported / table)).createOrReplaceTempView(table)
    assert answer(spark, question, recordings) == ANSWERS[question]


def test_a_long_cassette_is_divided_and_a_filter_leaves_out_the_others(
    spark: Any, recordings: Path
) -> None:
    name = str(recordings / "sched-all.yaml")
    events = spark.read.format("mesotape").option("split", "100000").load(str(recordings))
    assert events.rdd.getNumPartitions() > 10
    one = events.where(f"cassette = '{name}'")
    assert one.count() == spark.read.format("mesotape").load(name).count() > 20
    assert one.rdd.getNumPartitions() < events.rdd.getNumPartitions() / 2


def test_a_wrong_table_is_named(spark: Any, recordings: Path) -> None:
    with pytest.raises(Exception, match="table: found 'event', expected one of exchanges, events"):
        spark.read.format("mesotape").option("table", "event").load(str(recordings)).count()


def test_the_job_of_the_page_runs_a_command_on_all_cassettes(
    spark: Any,
    recordings: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["job.py", str(recordings), "validate", "--json"])
    exec(compile(SCRIPT, "docs/scale.md", "exec"), {"__name__": "__main__"})
    shown = capsys.readouterr()
    files = [json.loads(line)["file"] for line in shown.out.splitlines()]
    assert sorted(Path(each).stem for each in files) == list(CAPTURES)
    assert "exit code 5" in shown.err
