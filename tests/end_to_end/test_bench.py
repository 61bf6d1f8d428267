"""The table of measurements: what its verdicts are, and that its rows can be measured."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.paths import ROOT

BENCH = ROOT / "bench"


def load_table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_table", BENCH / "table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


table: Any = load_table()


def run_bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, BENCH / "run.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)


def judged(target: Any, figures: list[Any], slowness: float = 1.0, unit: Any = None) -> Any:
    row = table.Row("row", lambda _: iter(()), unit or table.MICROSECONDS, target)
    return table.judge("topic", row, figures, slowness, 1.0)


@pytest.mark.parametrize(
    ("target", "figures", "slowness", "median", "verdict", "missed_by"),
    [
        (table.AtMost(10), [9, 10, 99], 1.0, 10, "met", ""),
        (table.AtMost(10), [9, 11, 99], 1.0, 11, "missed", "10 % over"),
        (table.AtMost(10), [25], 1.0, 25, "missed", "2.5 × it"),
        (table.AtMost(10), [20], 2.0, 10, "met", ""),
        (table.AtMost(0), [1], 1.0, 1, "missed", "missed"),
        (table.AtLeast(10), [7.5], 1.0, 7.5, "missed", "25 % short"),
        (table.AtLeast(10), [10], 1.0, 10, "met", ""),
        (table.AtMost(2), [table.Pair(6, 3), table.Pair(8, 2)], 9.0, 3, "missed", "50 % over"),
        (None, [3], 1.0, 3, "no target", ""),
    ],
)
def test_the_median_of_the_rounds_is_judged(
    target: Any, figures: list[Any], slowness: float, median: float, verdict: str, missed_by: str
) -> None:
    result = judged(target, figures, slowness)
    assert (result.median, result.verdict, result.missed_by) == (median, verdict, missed_by)


def test_rates_fall_and_memory_stays_on_a_slow_machine() -> None:
    assert judged(table.AtLeast(10), [5], 2.0, table.PER_SECOND).verdict == "met"
    assert judged(table.AtMost(10), [11], 2.0, table.KILOBYTES).verdict == "missed"


def test_lines_fit_the_width() -> None:
    result = judged(table.AtMost(1.25), [table.Pair(49_782.0, 3_527.0)] * 3)
    for line in (*table.head().splitlines(), table.line(result)):
        assert len(line) <= table.WIDTH, line


def test_a_row_is_measured_and_written_as_json(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "bench.json"
    done = run_bench("--quick", "--rounds", "1", "--json", path, "recordio", "startup: --h")
    assert done.returncode in (0, 1), done.stderr
    results = json.loads(path.read_text())["results"]
    assert [each["row"] for each in results] == [
        "--help",
        "decode 1 KB records",
        "decode 100 B records",
    ]
    assert {each["verdict"] for each in results} <= {"met", "missed"}
    assert (done.returncode == 1) == any(each["verdict"] == "missed" for each in results)


def test_an_unknown_name_is_an_error() -> None:
    done = run_bench("no-such-row")
    assert done.returncode == 1
    assert "no row has such a name" in done.stderr
