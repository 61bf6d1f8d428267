"""The reports of one replay in three formats."""

from collections.abc import Iterator
from xml.etree import ElementTree

import msgspec
import pytest
from support.paths import ROOT

from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.shown_text import escape_text
from mesotape.proxy.ci.annotations import format_annotation, replay_annotations
from mesotape.proxy.ci.junit import junit_text
from mesotape.proxy.ci.markdown import markdown_text
from mesotape.proxy.ci.reported_replay import ReportedReplay
from mesotape.proxy.control.receipt import NamedExchange, Receipt, ReplayCounts
from mesotape.proxy.control.verdict import Problem

SAMPLE = ROOT / "cassettes" / "samples" / "master.yaml"
COUNTS = ReplayCounts(served=2, refused=0, missed=1, failed=1, unused=1, left_out=0)
PROBLEMS = [
    Problem("failed", "exchange 9: <broken> & 100%"),
    Problem("missed", "miss: a, b\n  why"),
]


@pytest.fixture
def replay() -> Iterator[ReportedReplay]:
    with Cassette.open(SAMPLE) as cassette:
        receipt = Receipt(
            cassettes=[],
            counts=COUNTS,
            served=[NamedExchange(str(SAMPLE), 3, times=2)],
            unused=[NamedExchange(str(SAMPLE), 4)],
        )
        yield ReportedReplay(receipt, PROBLEMS, 3, [cassette])


def test_junit_has_a_test_for_each_exchange_and_problem(replay: ReportedReplay) -> None:
    (suite,) = ElementTree.fromstring(junit_text(replay))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    assert [(case.get("name"), [each.tag for each in case]) for case in suite] == [
        ("exchange 3: master call GET_AGENTS", []),
        ("exchange 4: master call GET_WEIGHTS", ["skipped"]),
        ("exchange 9: <broken> & 100%", ["error"]),
        ("miss: a, b", ["failure"]),
    ]
    assert suite[3][0].text == "miss: a, b\n  why"


def test_problems_with_one_title_are_tests_of_their_own(replay: ReportedReplay) -> None:
    replay = msgspec.structs.replace(replay, problems=[PROBLEMS[1], PROBLEMS[0], PROBLEMS[1]])
    (suite,) = ElementTree.fromstring(junit_text(replay))
    names = [case.get("name") for case in suite][2:]
    assert names == ["miss: a, b", "exchange 9: <broken> & 100%", "miss: a, b (2)"]


def test_the_summary_escapes_what_it_quotes(replay: ReportedReplay) -> None:
    text = markdown_text(replay)
    assert text.startswith("### mesotape replay: exit code 3\n\n| served |")
    assert "| 2 | 0 | 1 | 1 | 1 | 0 |\n" in text
    assert "<summary><code>exchange 9: &lt;broken&gt; &amp; 100%</code></summary>" in text
    assert f"<code>{SAMPLE}:2048</code>" in text


def test_annotations_name_problems_and_places(replay: ReportedReplay) -> None:
    assert list(replay_annotations(replay)) == [
        "::error title=exchange 9%3A <broken> & 100%25::exchange 9: <broken> & 100%25",
        "::error title=miss%3A a%2C b::miss: a, b%0A  why",
        f"::notice file={SAMPLE},line=2048,title=not used::exchange 4: master call GET_WEIGHTS",
    ]


def test_an_annotation_has_its_path_from_the_folder_of_the_repository(
    replay: ReportedReplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(ROOT))
    monkeypatch.chdir(SAMPLE.parent)
    *_, notice = replay_annotations(replay)
    assert notice.startswith("::notice file=cassettes/samples/master.yaml,line=2048,")


@pytest.mark.parametrize("text", ["\ufffe\uffff", "\ud800", "\x00\x1b[2J", "]]>", "\u2028"])
def test_reports_stay_well_formed_with_any_text(replay: ReportedReplay, text: str) -> None:
    problem = Problem("missed", f"{text}\n  {text}")
    replay = msgspec.structs.replace(replay, problems=[problem])
    (suite,) = ElementTree.fromstring(junit_text(replay).encode())
    assert suite[2].get("name") == escape_text(text)
    assert "\n  " in str(suite[2][0].text)
    assert markdown_text(replay).encode().isascii()


def test_an_annotation_is_one_line() -> None:
    assert format_annotation("warning", "a:\r\n", "b\n", "c,d", 3) == (
        "::warning file=c%2Cd,line=3,title=a%3A%0D%0A::b%0A"
    )
