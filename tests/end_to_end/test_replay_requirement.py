"""What `mesotape replay` requires, and proxies in the environment: messages, codes, receipts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cassette_builder import call, said, written
from support.commands import run, running

MAKES = """
import os, sys, urllib.error, urllib.request
for kind in sys.argv[1:]:
    body = b'{"type":"%b"}' % kind.encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["MESOTAPE_URL"] + "/api/v1", body, headers)
    try: urllib.request.urlopen(request).read()
    except urllib.error.HTTPError: pass
"""
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
DEAD = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cassette with a health check, a state, and another health check."""
    kinds = ("GET_HEALTH", "GET_STATE", "GET_HEALTH")
    calls = [call(n, 0.1 * n, said(kind), said(kind)) for n, kind in enumerate(kinds, 1)]
    written(tmp_path / "c.yaml", *calls)
    (tmp_path / "make.py").write_text(MAKES)
    return tmp_path


def replay(folder: Path, *options: str, made: str = "") -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "make.py", *made.split())
    return run("replay", "c.yaml", *options, "--receipt", "r.json", "--", *command, cwd=folder)


@pytest.mark.parametrize(
    ("require", "made", "code", "unmet"),
    [
        (None, "", 8, [1, 2, 3]),
        (None, "GET_HEALTH", 0, []),
        ("any", "", 8, [1, 2, 3]),
        ("none", "", 0, []),
        ("all", "GET_HEALTH GET_STATE", 8, [3]),
        ("all", "GET_HEALTH GET_STATE GET_HEALTH", 0, []),
        ("GET_STATE", "GET_HEALTH", 8, [2]),
        ("GET_STATE,GET_HEALTH", "GET_STATE GET_HEALTH", 8, [3]),
        ("GET_STATE", "GET_STATE", 0, []),
    ],
)
def test_the_exit_code_and_the_receipt_tell_what_was_not_used(
    folder: Path, require: str | None, made: str, code: int, unmet: list[int]
) -> None:
    done = replay(folder, *(() if require is None else ("--require", require)), made=made)
    assert done.returncode == code, done
    receipt = json.loads((folder / "r.json").read_text())
    assert receipt["exit_code"] == code
    assert receipt["required"] == {
        "require": require or "any",
        "met": not unmet,
        "unmet": [{"cassette": "c.yaml", "exchange": number} for number in unmet],
    }
    for number in (1, 2, 3):
        assert (f"not used: exchange {number}, master call GET_" in done.stderr) == (
            number in unmet
        )


def test_the_message_has_the_place_and_the_way_out(folder: Path) -> None:
    done = replay(folder, "--require", "GET_STATE", made="GET_HEALTH")
    lines = (folder / "c.yaml").read_text().splitlines()
    line = lines.index("exchange: 2") + 1
    assert done.stderr.splitlines()[1:4] == [
        "mesotape: --require GET_STATE: 1 exchange not used",
        f"  not used: exchange 2, master call GET_STATE, c.yaml:{line}",
        "  what to do: Let the client make these calls, or require less: --require any"
        " or --require none.",
    ]


def test_the_json_of_the_counts_has_it(folder: Path) -> None:
    done = replay(folder, "--json", "--require", "GET_STATE")
    assert json.loads(done.stderr.splitlines()[-1])["unmet"] == {
        "require": "GET_STATE",
        "exchanges": [2],
    }
    done = replay(folder, "--json", made="GET_STATE")
    assert "unmet" not in json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    ("made", "options", "code"),
    [
        ("GET_ROLES", ["--require", "all"], 3),
        ("GET_ROLES", [], 3),
        ("GET_HEALTH", ["--require", "all", "--fault", "GET_STATE:503"], 7),
    ],
)
def test_other_problems_precede_it(folder: Path, made: str, options: list[str], code: int) -> None:
    assert replay(folder, *options, made=made).returncode == code


def test_a_command_that_fails_precedes_it(folder: Path) -> None:
    done = run("replay", "c.yaml", "--", "sh", "-c", "exit 40", cwd=folder)
    assert done.returncode == 40
    assert "--require any: no exchange was used: no requests arrived" in done.stderr


@pytest.mark.parametrize(
    ("require", "code", "text"),
    [
        (
            "GET_STAET",
            2,
            "--require GET_STAET: no v1 API has such a call (did you mean GET_STATE?); ",
        ),
        (
            "GET_ROLES",
            1,
            "--require GET_ROLES: the recording has no such call; it has GET_HEALTH",
        ),
        ("", 2, "--require '': expected any, all, none, or calls like GET_STATE,SUBSCRIBE"),
    ],
)
def test_a_requirement_that_cannot_be_met_is_an_error_before_the_command_runs(
    folder: Path, require: str, code: int, text: str
) -> None:
    done = run("replay", "c.yaml", "--require", require, "--", "echo", "ran", cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"mesotape: {text}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--require", "any"], 8)])
def test_without_a_command_nothing_is_required_unless_asked_for(
    folder: Path, options: list[str], code: int
) -> None:
    with running("replay", folder / "c.yaml", *options) as replayed:
        assert replayed.stop() == code


def test_a_fault_in_place_of_an_answer_is_enough(folder: Path) -> None:
    done = replay(folder, "--fault", "GET_HEALTH:503", made="GET_HEALTH")
    assert done.returncode == 0, done
    assert "0 served" in done.stderr


# Proxies.


def test_the_client_of_a_command_passes_by_the_proxy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", DEAD)
    done = replay(folder, made="GET_HEALTH")
    assert done.returncode == 0, done
    assert "proxy" not in done.stderr


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(("before", "after"), [("corp", "corp,127.0.0.1,"), ("*", "*")])
def test_the_command_gets_the_hosts_of_the_replay_with_those_of_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, before: str, after: str
) -> None:
    monkeypatch.setenv(name, before)
    code = "import os; print(os.environ['no_proxy'], os.environ['NO_PROXY'])"
    command = ("--require", "none", "--listen", "0.0.0.0:0", "--", sys.executable, "-c", code)
    lower, upper = run("replay", "c.yaml", *command, cwd=folder).stdout.split()
    assert lower == upper
    assert lower.startswith(after)
    assert before == "*" or lower.endswith(",0.0.0.0")


@pytest.mark.parametrize(
    ("variables", "warns"),
    [
        ({"http_proxy": DEAD}, True),
        ({"ALL_PROXY": DEAD, "NO_PROXY": "corp"}, True),
        ({"http_proxy": DEAD, "no_proxy": "localhost,127.0.0.1"}, False),
        ({"https_proxy": DEAD}, False),
        ({}, False),
    ],
)
def test_a_replay_without_a_command_warns_of_a_proxy_in_one_line(
    folder: Path, variables: dict[str, str], warns: bool
) -> None:
    with running("replay", folder / "c.yaml", env=os.environ | variables) as replayed:
        pass
    name = next(iter(variables), "")
    text = f"warning: {name} is set: clients send their requests to that proxy unless NO_PROXY has"
    assert (f"mesotape: {text} 127.0.0.1\n" in replayed.said) == warns
    assert ("no request arrived" in replayed.said) == (name.lower() in ("http_proxy", "all_proxy"))


@pytest.mark.parametrize("require", ["any", "none"])
def test_a_proxy_is_named_if_no_request_arrived(
    folder: Path, monkeypatch: pytest.MonkeyPatch, require: str
) -> None:
    monkeypatch.setenv("http_proxy", DEAD)
    done = replay(folder, "--require", require)
    text = "no request arrived, and http_proxy is set: a client that ignores NO_PROXY sends them th"
    assert done.stderr.count(text) == 1
