"""`mesotape scan` and `mesotape redact`, as a user runs them."""

import http.client
import json
from pathlib import Path

import pytest
from support.commands import run, running
from support.secret_cassettes import (
    HEADER,
    JSON,
    LATE,
    PASSWORD,
    SECRETS,
    secret_documents,
    write_documents,
)

from mesotape.cassettes.format.documents import Exchange, Request, Response

RULES = "rules:\n  - {id: task-name, name: '^name$'}\n"


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "a.yaml", secret_documents())


def test_scan_lists_places_and_never_values(cassette: Path) -> None:
    done = run("scan", cassette)
    assert done.returncode == 11
    assert done.stdout.splitlines()[0] == (
        f"{cassette}:7: exchange 1: request.headers.Authorization: authorization"
    )
    assert len(done.stdout.splitlines()) == 4
    assert done.stderr == (
        "mesotape: secrets in 1 of 1 cassette:"
        " authorization 1, url-query 1, environment 1, known-value 1\n"
    )
    assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]


def test_scan_prints_json(cassette: Path) -> None:
    done = run("scan", "--json", cassette)
    assert json.loads(done.stdout.splitlines()[0]) == {
        "file": str(cassette),
        "line": 7,
        "document": "exchange 1",
        "exchange": 1,
        "event": None,
        "place": "request.headers.Authorization",
        "rule": "authorization",
        "count": 1,
    }


def test_scan_of_a_folder_reads_the_cassettes_in_it(cassette: Path) -> None:
    inner = cassette.parent / "inner"
    inner.mkdir()
    write_documents(inner / "b.yml", [HEADER])
    (inner / "other.yaml").write_text("password: hunter2-hunter2\n")
    done = run("scan", cassette.parent)
    assert done.returncode == 11
    assert "secrets in 1 of 2 cassettes" in done.stderr
    assert run("scan", inner).stderr == "mesotape: no secrets in 1 cassette\n"


def test_redact_replaces_secrets_and_scan_finds_none_afterwards(cassette: Path) -> None:
    problems = run("validate", cassette).stdout.count("\n")
    listed = run("redact", cassette, "--json", "-o", cassette.with_name("new.yaml"))
    assert (listed.returncode, listed.stderr) == (0, "")
    counts = {"authorization": 1, "url-query": 1, "environment": 1, "known-value": 1}
    new = {
        "file": str(cassette.with_name("new.yaml")),
        "counts": counts,
        "left": [],
        "warnings": [],
    }
    assert json.loads(listed.stdout) == new
    done = run("redact", cassette)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        f"mesotape: {cassette}: secrets replaced:"
        " authorization 1, url-query 1, environment 1, known-value 1\n"
    )
    assert run("scan", cassette).returncode == 0
    assert run("validate", cassette).stdout.count("\n") == problems
    assert run("redact", cassette).stderr == f"mesotape: {cassette}: no secrets\n"


def test_check_changes_nothing(cassette: Path) -> None:
    before = cassette.read_bytes()
    done = run("redact", "--check", cassette)
    assert done.returncode == 11
    assert done.stdout == run("scan", cassette).stdout
    assert cassette.read_bytes() == before


def test_rules_are_added_and_left_out(cassette: Path) -> None:
    rules = cassette.with_name("rules.yml")
    rules.write_text(RULES)
    done = run("scan", "--redact-rules", rules, "--no-redact", "environment", cassette)
    assert "json.task_added.task.name: task-name" in done.stdout
    assert ": environment" not in done.stdout


ERRORS = [
    (("scan", "none.yaml"), 1, "none.yaml: there is no such file"),
    (("scan", "empty"), 1, "empty: there is no cassette in this folder"),
    (("scan", "x.txt"), 1, "x.txt:1: not a cassette: expected a line `---`"),
    (("redact", "x.txt"), 1, "x.txt:1: not a cassette: expected a line `---`"),
    (("redact", "a.yaml", "-o", "no/b.yaml"), 1, "no/b.yaml: cannot be written: No such file"),
    (("redact", "a.yaml", "a.yaml", "-o", "b.yaml"), 2, "-o takes one cassette, found 2"),
    (("scan", "a.yaml", "--no-redact", "cookies"), 2, "--no-redact: 'cookies' is not a rule of"),
    (("scan", "a.yaml", "--redact-rules", "x.txt"), 1, "x.txt:1: expected a mapping"),
]


@pytest.mark.parametrize(("words", "code", "error"), ERRORS, ids=[each[2] for each in ERRORS])
def test_an_error_is_one_line(
    cassette: Path, words: tuple[str, ...], code: int, error: str
) -> None:
    (cassette.parent / "empty").mkdir()
    cassette.with_name("x.txt").write_text("hello\n")
    done = run(*words, cwd=cassette.parent)
    assert done.returncode == code
    assert done.stderr.startswith(f"mesotape: {error}")
    assert "Traceback" not in done.stderr


def test_a_redacted_cassette_plays_for_the_real_secret_and_for_another(tmp_path: Path) -> None:
    def call(secret: str) -> str:
        value = {"name": "PASSWORD", "value": secret}
        command = {"environment": {"variables": [value]}}
        container = {"container_id": {"value": "a"}, "command": command}
        return json.dumps({"type": "LAUNCH_CONTAINER", "launch_container": container})

    headers = JSON | {"Authorization": f"Bearer {PASSWORD}"}
    request = Request(method="POST", path="/api/v1", headers=headers, json=call(LATE))
    exchange = Exchange(
        exchange=1,
        at=0,
        client=1,
        request=request,
        response=Response(after=0, status=200, headers={"Content-Length": "0"}),
    )
    header = HEADER.__class__(mesotape=1, server="agent", recorded_at=HEADER.recorded_at)
    path = write_documents(tmp_path / "a.yaml", [header, exchange])
    assert run("redact", path).returncode == 0
    assert LATE not in path.read_text()
    with running("replay", path, "--repeat", "LAUNCH_CONTAINER=last") as player:
        for secret in (LATE, "another-secret-1"):
            connection = http.client.HTTPConnection(*player.address, timeout=10)
            connection.request("POST", "/api/v1", call(secret), headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read().decode()
            connection.close()
        assert player.stop() == 0
