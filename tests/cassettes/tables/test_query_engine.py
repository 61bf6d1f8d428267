"""SQL sees the tables, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.tables.arrow import SCHEMAS, CassetteDataset
from mesotape.cassettes.tables.query_engine import QueryEngine, QueryError, open_engine

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"


def tables(*paths: Path) -> dict[str, CassetteDataset]:
    return {name: CassetteDataset(paths, name, lambda path, done: None) for name in SCHEMAS}


def rows(engine: QueryEngine, sql: str) -> list[dict[str, object]]:
    return [row for batch in engine.run(sql) for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def engine() -> Iterator[QueryEngine]:
    with open_engine(tables(SAMPLE)) as opened:
        yield opened


@pytest.mark.parametrize("table", SCHEMAS)
def test_every_column_has_a_name_that_needs_no_quotes(engine: QueryEngine, table: str) -> None:
    for name in SCHEMAS[table].names:
        sql = f"SELECT {name} FROM {table} AS t WHERE t.{name} IS NOT NULL GROUP BY {name} LIMIT 1"
        assert all(set(row) == {name} for row in rows(engine, sql))


@pytest.mark.parametrize("table", SCHEMAS)
def test_each_column_alone_is_that_of_the_whole_table(engine: QueryEngine, table: str) -> None:
    whole = rows(engine, f"SELECT * FROM {table}")
    assert len(whole) > (0 if table == "problems" else 1) or table in ("offers", "problems")
    for name in SCHEMAS[table].names:
        alone = rows(engine, f"SELECT {name} FROM {table}")
        assert alone == [{name: row[name]} for row in whole]


def test_a_table_is_read_as_often_as_the_sql_names_it(engine: QueryEngine) -> None:
    sql = "SELECT count(*) AS n FROM events AS a JOIN events AS b USING (exchange, number, side)"
    assert rows(engine, sql) == rows(engine, "SELECT count(*) AS n FROM events")


def test_rows_are_filtered(engine: QueryEngine) -> None:
    all_rows = rows(engine, "SELECT type, number FROM events")
    sql = "SELECT number FROM events WHERE type = 'TASK_ADDED' AND exchange IN (1, 2) AND size > 9"
    expected = [row["number"] for row in all_rows if row["type"] == "TASK_ADDED"]
    assert [row["number"] for row in rows(engine, sql)] == expected
    assert len(expected) == 6


def test_several_statements_give_the_rows_of_the_last(engine: QueryEngine) -> None:
    assert rows(engine, "CREATE TEMP TABLE one AS SELECT 1 AS n; SELECT n FROM one") == [{"n": 1}]
    assert rows(engine, "DROP TABLE one") == []


OUTSIDE = (
    "SELECT * FROM '{file}'",
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_json('{file}')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM 'http://127.0.0.1:1/x.csv'",
    "SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')",
    "COPY events TO '{folder}/new.csv'",
    "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '{folder}/new'",
    "IMPORT DATABASE '{folder}'",
    "ATTACH '{folder}/new.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE SECRET (TYPE s3, PROVIDER config)",
    "SET enable_external_access = true",
    "SET temp_directory = '{folder}'",
    "SET memory_limit = '9GB'",
    "RESET lock_configuration",
    "SELECT * FROM SAMPLE",
    "SELECT * FROM tables_of_python",
    "SELECT getenv('HOME')",
)


@pytest.mark.parametrize("sql", OUTSIDE)
def test_sql_cannot_leave_the_tables(engine: QueryEngine, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n")
    tables_of_python = CassetteDataset([SAMPLE], "events", lambda path, done: None)
    with pytest.raises(QueryError) as caught:
        rows(engine, sql.format(file=file, folder=tmp_path))
    assert "\n" not in str(caught.value)
    assert tables_of_python.error is None
    assert list(tmp_path.iterdir()) == [file]


def test_it_can_if_it_is_told_to(tmp_path: Path) -> None:
    file = tmp_path / "owners.csv"
    file.write_text("type,owner\nTASK_ADDED,ann\n")
    with open_engine(tables(SAMPLE), external_access=True) as engine:
        sql = f"SELECT owner, count(*) AS n FROM events JOIN '{file}' USING (type) GROUP BY owner"
        assert rows(engine, sql) == [{"owner": "ann", "n": 6}]


ERRORS = (
    ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"'),
    ("SELECT a FROM events", 'Binder Error: Referenced column "a" not found in FROM clause!'),
    ("SELECT * FROM event", "Catalog Error: Table with name event does not exist!"),
    ("SELECT CAST(type AS INT) FROM events", "Conversion Error: Could not convert string"),
    ("", None),
)


@pytest.mark.parametrize(("sql", "text"), ERRORS)
def test_an_error_of_sql_is_one_line(engine: QueryEngine, sql: str, text: str | None) -> None:
    if text is None:
        assert rows(engine, sql) == []
        return
    with pytest.raises(QueryError, match="^" + text.replace("(", r"\(")) as caught:
        rows(engine, sql)
    assert "\n" not in str(caught.value)
    assert rows(engine, "SELECT 1 AS n") == [{"n": 1}]


def test_a_cassette_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "x.yaml"
    wrong.write_text("hello: 1\n")
    with (
        open_engine(tables(SAMPLE, wrong)) as engine,
        pytest.raises(CassetteError, match=f"^{wrong}:1: not a cassette"),
    ):
        rows(engine, "SELECT count(*) FROM events")


def test_a_limit_ends_the_reading(engine: QueryEngine) -> None:
    assert len(rows(engine, "SELECT message FROM events LIMIT 3")) == 3


def test_the_engine_prints_nothing(engine: QueryEngine) -> None:
    """A bar of progress, after two seconds, would be on stdout."""
    sql = "SELECT current_setting('enable_progress_bar') AS bar"
    assert rows(engine, sql) == [{"bar": False}]
