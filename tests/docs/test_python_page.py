"""The examples of docs/python.md run, one after the other, and show every public name."""

import re
import subprocess
import sys
import unittest

import pytest
from support.paths import ROOT

import mesotape

PAGE = (ROOT / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
HEARTBEAT = b'20\n{"type":"HEARTBEAT"}'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    sample = ROOT / "cassettes" / "samples" / "master.yaml"
    (tmp_path / "master.yaml").write_bytes(sample.read_bytes())
    (tmp_path / "stream.bin").write_bytes(HEARTBEAT + b"+" + HEARTBEAT + HEARTBEAT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_examples_run():
    names = {}
    for example in EXAMPLES:
        exec(compile(example, "docs/python.md", "exec"), names)
    assert sum(map(run_cases, names.values())) == 2


def run_cases(each):
    """Return how many tests of a class of unittest have passed."""
    if not (isinstance(each, type) and issubclass(each, unittest.TestCase)):
        return 0
    done = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(each).run(done)
    assert done.wasSuccessful(), [*done.errors, *done.failures]
    return done.testsRun


@pytest.mark.usefixtures("folder")
def test_a_miss_is_a_failure_of_a_test_case():
    class TestMiss(unittest.TestCase):
        def test_it(self):
            self.enterContext(mesotape.Player("master.yaml"))

    with pytest.raises(AssertionError, match="Let the client use the URL of the replay"):
        run_cases(TestMiss)


def test_every_public_name_is_in_an_example():
    code = "".join(EXAMPLES)
    assert [name for name in mesotape.__all__ if f"mesotape.{name}" not in code] == []


@pytest.mark.parametrize("name", mesotape.__all__)
def test_every_public_name_has_a_docstring(name):
    if name != "__version__":
        assert len(getattr(mesotape, name).__doc__) > 20


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mesotape' has no attribute 'Tape'"):
        mesotape.Tape  # noqa: B018


def test_the_import_loads_nothing_else_of_the_package():
    code = "import sys, mesotape; print([m for m in sys.modules if m.startswith('mesotape.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_dir_lists_the_public_names():
    assert dir(mesotape) == sorted(mesotape.__all__)
