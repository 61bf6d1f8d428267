"""The examples of docs/pytest.md, and those of other pages that run pytest."""

import re
import shlex
import sys

import pytest
from support.commands import MESOTAPE
from support.paths import ROOT

from mesotape.proxy.control.player import Player
from mesotape.proxy.testing.session import Session
from mesotape.proxy.testing.settings import Settings

pytest_plugins = ["pytester"]

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
PAGE = (ROOT / "docs" / "pytest.md").read_text()
README = (ROOT / "README.md").read_text()
REPLAY = (ROOT / "docs" / "replay.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def commands(page: str, name: str) -> list[list[str]]:
    return [shlex.split(line) for line in re.findall(rf"^    ({name} .*)$", page, re.MULTILINE)]


CONFTEST = next(block for block in blocks(PAGE, "python") if "conftest.py" in block)
PROGRAM = next(block for block in blocks(PAGE, "python") if "with Player(" in block)
PYMESOS = next(block for block in blocks(PAGE, "python") if "pymesos" in block)
ELSEWHERE = (CONFTEST, PROGRAM, PYMESOS)
TESTS = [block for block in blocks(PAGE, "python") if block not in ELSEWHERE]
FOR_THE_PLUGIN = {
    "close",
    "failure_note",
    "network_block",
    "player",
    "recorder_warnings",
    "report",
    "request_problems",
}
MISSES = "def test_health("
CLIENT = """
import json, urllib.request

class my_client:
    def __init__(self, url):
        self.url = url

    def agents(self):
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = urllib.request.Request(self.url + "/api/v1", b'{"type":"GET_AGENTS"}', headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["get_agents"]["agents"]
"""


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def write(pytester: pytest.Pytester, text: str, *names: str, folder: str = "test_master") -> None:
    """Write tests/test_master.py, and the sample as its cassettes of these names."""
    tests = pytester.path / "tests"
    cassettes = tests / "cassettes" / folder
    cassettes.mkdir(parents=True)
    (tests / "test_master.py").write_text(text)
    for name in names:
        (cassettes / name).write_bytes(SAMPLE.read_bytes())


def test_the_examples_pass_but_for_the_one_that_is_to_fail(pytester: pytest.Pytester) -> None:
    names = ("test_agents.yaml", "test_health.yaml", "master.yaml")
    write(pytester, "\n".join(TESTS), *names)
    count = len(re.findall(r"^(?:async )?def test_", "\n".join(TESTS), re.MULTILINE))
    done = pytester.runpytest_inprocess("-W", "error")
    done.assert_outcomes(passed=count, errors=1)
    done.stdout.fnmatch_lines(["ERROR tests/test_master.py::test_health - *"])
    (session,) = blocks(PAGE, "console")
    _, _, _, *said = session.splitlines()
    done.stdout.fnmatch_lines(said, consecutive=True)


def test_the_record_command_records(pytester: pytest.Pytester) -> None:
    write(pytester, TESTS[0])
    command = next(each for each in commands(PAGE, "pytest") if "--mesotape-record=once" in each)
    with Player(SAMPLE) as player:
        words = [word.replace("http://master.example:5050", player.url) for word in command[1:]]
        pytester.runpytest_inprocess(*words).assert_outcomes(passed=1)
    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)


def test_the_report_of_unused_cassettes_is_as_shown(pytester: pytest.Pytester) -> None:
    write(pytester, TESTS[0], "test_agents.yaml", "test_old.yaml")
    (command,) = (each for each in commands(PAGE, "pytest") if "--mesotape-unused=report" in each)
    done = pytester.runpytest_inprocess(*command[1:])
    assert done.ret == 0
    title, *lines = next(iter(blocks(PAGE, "text"))).splitlines()
    done.stdout.fnmatch_lines([f"*{title.strip('-')}*", *lines])


def test_the_age_of_cassettes_is_as_shown(pytester: pytest.Pytester) -> None:
    write(pytester, TESTS[0], "test_agents.yaml")
    path = pytester.path / "tests" / "cassettes" / "test_master" / "test_agents.yaml"
    path.write_text(path.read_text().replace("recorded_at: 2026", "recorded_at: 2020"))
    warns, fails = (each[1:] for each in commands(PAGE, "pytest") if "max-age" in str(each))
    done = pytester.runpytest_inprocess(*warns, "-W", "default")
    done.assert_outcomes(passed=1, warnings=1)
    (shown,) = (block for block in blocks(PAGE, "text") if "longer ago" in block)
    done.stdout.fnmatch_lines([f"*{re.sub('2026-08-02', '*', shown).strip()}"])
    pytester.runpytest_inprocess(*fails).assert_outcomes(errors=1)


def test_the_conftest_moves_the_cassettes(pytester: pytest.Pytester) -> None:
    write(pytester, TESTS[0])
    (pytester.path / "tests" / "conftest.py").write_text(CONFTEST)
    (pytester.mkdir("tapes") / "test_agents.yaml").write_bytes(SAMPLE.read_bytes())
    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)


def test_the_program_runs(pytester: pytest.Pytester) -> None:
    (pytester.path / "master.yaml").write_bytes(SAMPLE.read_bytes())
    client = next(block for block in TESTS if "def subscribed" in block).partition(
        "\n\n\ndef event"
    )
    (pytester.path / "program.py").write_text(f"import urllib.request\n{client[0]}\n{PROGRAM}")
    done = pytester.run(sys.executable, "program.py")
    assert done.outlines == ["1"]


def test_the_tables_have_every_keyword_and_every_name() -> None:
    told = set(re.findall(r"`(\w+)", PAGE))
    assert set(Settings.__struct_fields__) <= told
    public = {name for name in dir(Session) if not name.startswith("_")}
    assert public - FOR_THE_PLUGIN <= told


def test_the_readme_records_and_plays(pytester: pytest.Pytester) -> None:
    (block,) = blocks(README, "python")
    write(pytester, f"{CLIENT}\n{block}")
    (command,) = commands(README, "pytest")
    with Player(SAMPLE) as player:
        words = [word.replace("http://master.example:5050", player.url) for word in command[1:]]
        pytester.runpytest_inprocess(*words).assert_outcomes(passed=1)
    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)


@pytest.mark.parametrize("command", [each for each in commands(REPLAY, "mesotape") if "--" in each])
def test_replays_with_a_command_run_it(pytester: pytest.Pytester, command: list[str]) -> None:
    (pytester.path / "cassette.yaml").write_bytes(SAMPLE.read_bytes())
    pytester.makepyfile(
        f"{CLIENT}\nimport os\ndef test_it(): my_client(os.environ['MESOTAPE_URL']).agents()"
    )
    here = {"mesotape": list(MESOTAPE), "pytest": [sys.executable, "-m", "pytest"]}
    done = pytester.run(*(each for word in command for each in here.get(word, [word])))
    assert done.ret == 0
    done.stdout.fnmatch_lines(["* 1 passed in *"])
    if "--receipt" in command:
        receipt = (pytester.path / "receipt.json").read_text()
        told = set(re.findall(r"`(\w+)`", REPLAY.partition("## Receipt\n")[2].partition("## ")[0]))
        assert set(re.findall(r'^  "(\w+)"', receipt, re.MULTILINE)) - {"mesotape"} <= told
