"""`mesotape diff` as a user runs it."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.cassette_builder import call, said, stream, written
from support.commands import MESOTAPE, run, running

EVENTS = [(0.1, said("FRAMEWORK_REMOVED")), (0.2, said("AGENT_REMOVED"))]


@pytest.fixture
def cassettes(tmp_path):
    health = said("GET_HEALTH")
    answer = said("GET_HEALTH", get_health={"healthy": True})
    other = said("GET_HEALTH", get_health={"healthy": False})
    first = written(tmp_path / "first.yaml", call(1, 0.0, health, answer), stream(2, 1.0, EVENTS))
    second = written(
        tmp_path / "second.yaml",
        call(1, 0.0, health, other),
        stream(2, 1.0, EVENTS[:1]),
        call(3, 3.0, said("GET_VERSION")),
    )
    return first, second


def test_the_same_cassette_has_no_differences(cassettes):
    done = run("diff", cassettes[0], cassettes[0])
    assert (done.returncode, done.stdout) == (0, "")
    assert "no differences; 2 calls and 2 events compared" in done.stderr


def test_differences_are_shown_for_people(cassettes):
    done = run("diff", "first.yaml", "second.yaml", cwd=cassettes[0].parent)
    assert done.returncode == 12
    assert done.stdout.splitlines() == [
        "~ exchange 1, master call GET_HEALTH: changed  (first.yaml:7, second.yaml:7)",
        "    response.get_health.healthy: true → false",
        "- exchange 2, event 2, AGENT_REMOVED of master call SUBSCRIBE: missing  (first.yaml:52)",
        "    after event 1, FRAMEWORK_REMOVED",
        "+ exchange 3, master call GET_VERSION: new  (second.yaml:52)",
        "    after exchange 2, master call SUBSCRIBE",
    ]
    assert "1 missing, 1 new, 1 changed; 2 calls and 1 event compared" in done.stderr


@pytest.mark.parametrize(
    ("variables", "has_colors"),
    [
        ({"GIT_PAGER_IN_USE": "true"}, True),
        ({"GIT_PAGER_IN_USE": "true", "NO_COLOR": "1"}, False),
        ({}, False),
    ],
)
def test_colors_are_for_terminals_and_the_pager_of_git(cassettes, variables, has_colors):
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", **variables}
    done = run("diff", *cassettes, env=environment)
    assert ("\x1b[" in done.stdout) == has_colors


def test_differences_as_json(cassettes):
    done = run("diff", *cassettes, "--json")
    *differences, counts = map(json.loads, done.stdout.splitlines())
    assert [each["kind"] for each in differences] == ["changed", "missing", "new"]
    assert differences[0]["changes"] == [
        {"path": "response.get_health.healthy", "first": "true", "second": "false"}
    ]
    assert differences[1]["first"] == {
        "file": str(cassettes[0]),
        "line": 52,
        "exchange": 2,
        "event": 2,
    }
    assert counts["compared"]["missing"] == 1


def test_annotations_for_github(cassettes):
    done = run("diff", "first.yaml", "second.yaml", "--format", "github", cwd=cassettes[0].parent)
    assert done.stdout.splitlines()[0] == (
        "::warning file=second.yaml,line=7,title=exchange 1%2C master call GET_HEALTH%3A changed::"
        "exchange 1, master call GET_HEALTH: changed%0A"
        "response.get_health.healthy: true → false"
    )


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["first.yaml"], 2, "expected two cassettes, found 1"),
        (["first.yaml", "none.yaml"], 1, "none.yaml: there is no such file"),
        (["first.yaml", "text"], 1, "text:1: not a cassette"),
        (["first.yaml", "second.yaml", "--ignore", "OFERS:x"], 2, "no v1 API has a call or event"),
        (["first.yaml", "second.yaml", "--ignore", "OFFERS:offers.offer"], 2, "OFFERS"),
        (["first.yaml", "second.yaml", "--git"], 2, "--git is for git"),
        (["--json", "--format", "github", "first.yaml", "second.yaml"], 2, "--json and --format "),
    ],
)
def test_wrong_input_is_one_line(cassettes, words, code, text):
    folder = cassettes[0].parent
    (folder / "text").write_text("hello\n")
    done = run("diff", *words, cwd=folder)
    assert done.returncode == code
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("rule", ["GET_HEALTH:get_health.healthy", "*:get_health"])
def test_an_answer_can_be_ignored(cassettes, rule):
    done = run("diff", *cassettes, "--ignore", rule, "--json")
    kinds = [json.loads(line).get("kind") for line in done.stdout.splitlines()]
    assert kinds == ["missing", "new", None]


def test_a_running_server_is_compared_with_a_recording(tmp_path):
    health = call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": True}))
    again = call(2, 1.0, said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": False}))
    leave = call(3, 2.0, said("TEARDOWN", teardown={"framework_id": {"value": "f"}}))
    unlike = call(
        4, 3.0, said("GET_VERSION"), said("GET_VERSION", get_version={"version_info": {}})
    )
    other = said("GET_VERSION", get_version={"version_info": {"version": "1.12.0"}})
    written(tmp_path / "recorded.yaml", health, again, leave, unlike)
    served = written(tmp_path / "served.yaml", again, call(4, 3.0, said("GET_VERSION"), other))
    with running("replay", served, "--require", "all") as server:
        done = run("diff", "recorded.yaml", "--against", server.url, cwd=tmp_path)
        annotations = run(
            "diff", "recorded.yaml", "--against", server.url, "--format", "github", cwd=tmp_path
        )
    assert server.code == 0, server.err  # nothing else was sent
    assert done.returncode == 12
    assert done.stdout.splitlines() == [
        f"~ exchange 4, master call GET_VERSION: changed  (recorded.yaml:63, {server.url})",
        '    response.get_version.version_info.version: (nothing) → "1.12.0"',
    ]
    assert annotations.stdout.startswith("::warning file=recorded.yaml,line=63,")


def test_a_server_that_cannot_be_reached_is_one_line(cassettes):
    done = run("diff", cassettes[0], "--against", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert (
        "http://127.0.0.1:1: cannot be compared with: [Errno 111] Connection refused" in done.stderr
    )


def git(folder: Path, *words: str, **environment: str) -> str:
    own = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **environment}
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_git_shows_the_differences_of_a_cassette(cassettes, tmp_path):
    first, second = cassettes
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "config", "user.email", "a@example.org")
    git(folder, "config", "user.name", "A")
    git(folder, "config", "diff.mesotape.command", " ".join(map(str, [*MESOTAPE, "diff", "--git"])))
    (folder / ".gitattributes").write_text("*.yaml diff=mesotape\n")
    (folder / "c.yaml").write_bytes(first.read_bytes())
    (folder / "a.yaml").write_text("a: 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Record.")
    (folder / "c.yaml").write_bytes(second.read_bytes())
    (folder / "a.yaml").write_text("a: 2\n")
    shown = git(folder, "diff")
    assert "a.yaml:1: not a cassette" in shown
    assert "~ exchange 1, master call GET_HEALTH: changed  (a/c.yaml:7, b/c.yaml:7)" in shown
    git(folder, "rm", "-q", "--cached", "c.yaml")
    assert "deleted cassette" in git(folder, "diff", "--cached")
