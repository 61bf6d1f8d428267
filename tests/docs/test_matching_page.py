"""What docs/matching.md shows of matching, repeats, rebinding and misses is valid and complete."""

import re
import shlex
from typing import get_args

import pytest
from support.commands import run, running
from support.paths import DATA, ROOT

from mesotape.cassettes.matching.ignore_rules import NAMED_RULES, IgnoreRules
from mesotape.cassettes.matching.misses import MissReason
from mesotape.cassettes.matching.repeat_rules import RepeatRules

PAGE = ROOT / "docs" / "matching.md"
REPLAY = ROOT / "docs" / "replay.md"
GOLDEN = DATA / "misses" / "other-ids.txt"
SECTIONS = ("What matches", "Order and repeats", "Ids of this run", "Misses")


def section(name: str) -> str:
    return PAGE.read_text().split(f"\n## {name}\n")[1].split("\n## ")[0]


def rows(text: str, title: str) -> dict[str, str]:
    """The first two columns of the table under a title."""
    table = text.split(f"| {title} |")[1].split("\n\n")[0]
    return dict(re.findall(r"^\| `(.*?)` \| (.*) \|$", table, re.MULTILINE))


def commands() -> list[list[str]]:
    text = "".join(map(section, SECTIONS))
    return [shlex.split(each) for each in re.findall(r"^    (mesotape .*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_the_commands_start(command, tmp_path):
    cassette = tmp_path / "cassette.yaml"
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", REPLAY.read_text(), re.DOTALL | re.MULTILINE)
    cassette.write_text(text)
    words = [str(cassette) if word == "cassette.yaml" else word for word in command[1:]]
    with running(*words) as player:
        pass
    assert player.code == 0


def test_every_option_has_a_command_that_uses_it():
    assert {word for each in commands() for word in each if word.startswith("--")} == {
        "--ignore",
        "--repeat",
        "--rebind",
        "--upstream",
        "--record-misses",
    }


def test_every_rule_on_the_page_is_valid():
    shown = rows(section("What matches"), "rule")
    assert len(shown) == 5
    assert IgnoreRules(shown)


def test_the_named_rules_are_those_that_the_command_lists():
    listed = run("replay", "--list-ignores")
    assert listed.returncode == 0
    names = dict(line.split(maxsplit=1) for line in listed.stdout.splitlines())
    assert (
        names
        == rows(section("What matches"), "name")
        == {name: description for name, (description, _) in NAMED_RULES.items()}
    )


def test_every_repeat_rule_on_the_page_is_valid():
    shown = rows(section("Order and repeats"), "`--repeat`")
    assert len(shown) == 4
    assert RepeatRules(shown)


def test_the_miss_on_the_page_is_a_real_one():
    assert f"```text\n{GOLDEN.read_text()}```" in section("Misses")


def test_all_reasons_are_on_the_page():
    assert set(rows(section("Misses"), "reason")) == set(get_args(MissReason.__value__))


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (["--ignore", "uuid"], "--ignore uuid: expected TYPE:path, query.NAME or one of"),
        (["--repeat", "often"], "--repeat often: expected last, cycle, never"),
    ],
)
def test_an_invalid_rule_is_reported_in_one_line_before_the_replay_listens(option, text, tmp_path):
    ended = run("replay", PAGE, *option, "--ready-file", tmp_path / "ready")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"mesotape: {text}")
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "ready").exists()
