"""What `mesotape record` says of the secrets that it replaces, and what it does at the end."""

import json
import re
from pathlib import Path

import pytest
from support.cassette_contents import notes
from support.commands import Running, run, running
from support.sockets import Upstream, answer, connect, get

SECRET = "Zq8-late-known-value"
BASIC = f"Authorization: Bearer {SECRET}".encode()


def visit(recorder: Running, upstream: Upstream, *requests: bytes) -> None:
    """Send requests on one connection, each with its answer."""
    with connect(recorder.address) as client:
        client.send(requests[0])
        with upstream.accept() as server:
            for number, request in enumerate(requests):
                if number:
                    client.send(request)
                server.message()
                server.send(answer(b"{}"))
                client.message()


def record(path: Path, *words: str | Path, requests: tuple[bytes, ...]) -> Running:
    with Upstream() as upstream, running("record", upstream.url, "-o", path, *words) as recorder:
        visit(recorder, upstream, *requests)
        assert recorder.stop() == 0, recorder.said
    return recorder


def test_the_counts_of_rules_are_told_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    requests = get(b"/a", BASIC), get(b"/b?token=abcdefgh-1", BASIC)
    recorder = record(path, requests=requests)
    text = "secrets replaced: authorization 2, url-query 1"
    assert recorder.said.endswith(f"into {path}; {text}\n")
    assert notes(path) == [(text, None)]
    assert run("scan", path).stderr == "mesotape: no secrets in 1 cassette\n"


def test_json_has_the_counts(tmp_path: Path) -> None:
    recorder = record(tmp_path / "a.yaml", "--json", requests=(get(b"/a", BASIC),))
    assert json.loads(recorder.out.splitlines()[-1])["secrets"] == {"authorization": 1}


def test_without_secrets_nothing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    recorder = record(path, requests=(get(b"/a"),))
    assert recorder.said.endswith(f"into {path}\n")
    assert notes(path) == []


def test_what_was_written_before_it_was_known_is_replaced_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    recorder = record(path, requests=(get(f"/{SECRET}".encode()), get(b"/b", BASIC)))
    assert SECRET not in path.read_text()
    assert "path: /REDACTED-1\n" in path.read_text()
    assert "Bearer REDACTED-1\n" in path.read_text()
    assert notes(path)[-1][0].endswith("some were known late, so the cassette was redacted again")
    assert "authorization 1, known-value 1\n" in recorder.said
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [path]
    assert run("validate", path).returncode == 0


def test_appending_continues_the_numbers_of_placeholders(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    record(path, requests=(get(b"/a", BASIC),))
    record(path, "--append", requests=(get(b"/b", b"Authorization: Bearer other-secret-1"),))
    assert re.findall("Bearer (REDACTED-[0-9])", path.read_text()) == ["REDACTED-1", "REDACTED-2"]


def test_appending_adds_the_rules_to_the_header_if_they_fired(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    record(path, "--no-redact", "cookie", requests=(get(b"/a"),))
    before = path.read_bytes()
    record(path, "--append", requests=(get(b"/b"),))
    assert path.read_bytes().startswith(before)
    record(path, "--append", requests=(get(b"/c", BASIC),))
    assert ", cookie]" in path.read_text().partition("\n...\n")[0]
    assert run("validate", path).returncode == 0


def test_own_rules_and_those_left_out_reach_the_writer(tmp_path: Path) -> None:
    path, rules = tmp_path / "a.yaml", tmp_path / "rules.yaml"
    rules.write_text("rules: [{id: acme, value: 'ACME-[0-9]{8}'}]\n")
    words = "--redact-rules", rules, "--no-redact", "uri", "--no-redact", "cookie"
    recorder = record(path, *words, requests=(get(b"/ACME-12345678", b"Cookie: a=bcdef"),))
    text = path.read_text()
    assert "path: /REDACTED-1\n" in text
    assert "Cookie: a=bcdef\n" in text
    assert ", acme]\n" in text
    assert ", cookie, " not in text
    assert "acme 1" in recorder.said


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--no-redact", "cokie"), 2, "--no-redact: 'cokie' is not a rule of redaction; the near"),
        (
            ("--redact-rules", "none.yaml"),
            1,
            "none.yaml: cannot be read: No such file or directory",
        ),
    ],
)
def test_a_wrong_option_is_one_line(
    tmp_path: Path, words: tuple[str, ...], code: int, text: str
) -> None:
    done = run("record", "http://127.0.0.1:1", "-o", tmp_path / "a.yaml", *words, cwd=tmp_path)
    assert done.returncode == code
    assert done.stderr.startswith(f"mesotape: {text}")
    assert [*tmp_path.iterdir()] == []


def test_a_cassette_of_own_rules_plays_for_the_real_secret(tmp_path: Path) -> None:
    path, rules = tmp_path / "a.yaml", tmp_path / "rules.yaml"
    rules.write_text("rules: [{id: acme, value: 'ACME-[0-9]{8}'}]\n")
    request = get(b"/state?account=ACME-12345678")
    record(path, "--redact-rules", rules, requests=(request,))
    assert "account=REDACTED-1" in path.read_text()
    for words, status in (((), b"501"), (("--redact-rules", rules), b"200")):
        with running("replay", path, *words) as player, connect(player.address) as client:
            client.send(request)
            assert client.until(b"\r\n").startswith(b"HTTP/1.1 " + status)
