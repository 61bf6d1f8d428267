"""The example for pymesos in docs/pytest.md."""

import pytest
from support.paths import ROOT

from clients.installed import pymesos_python

pytest_plugins = ["pytester"]

PAGE = (ROOT / "docs" / "pytest.md").read_text()
TEST = PAGE.partition("```python\n# tests/test_pymesos.py\n")[2].partition("```")[0]


def test_the_example_for_pymesos_passes(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYMESOS_PYTHON", str(pymesos_python()))
    pytester.makepyfile(test_pymesos=TEST)
    cassette = pytester.mkdir("cassettes") / "test_pymesos" / "master.yaml"
    cassette.parent.mkdir()
    cassette.write_bytes((ROOT / "cassettes" / "samples" / "master.yaml").read_bytes())
    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)
