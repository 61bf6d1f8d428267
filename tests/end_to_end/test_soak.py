"""Small runs of what `make soak` and `make fuzz` run at length."""

import subprocess
import sys

import pytest
from support.paths import ROOT


@pytest.mark.parametrize(
    ("script", "arguments"), [("soak.py", ["4"]), ("fuzz_cassettes.py", ["60", "7"])]
)
def test_hostile_input_does_no_harm(script: str, arguments: list[str]) -> None:
    command = [sys.executable, ROOT / "bench" / script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
