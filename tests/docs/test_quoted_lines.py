"""Messages that pages quote, apart from the sessions of each page, are what mesotape prints."""

import http.client
import re
from pathlib import Path

from support.commands import run
from support.paths import ROOT

import mesotape

HEADER = "---\nmesotape: 1\nserver: master\nrecorded_at: 2026-11-22T12:18:29Z\n...\n"
SUBSCRIBE = """---
exchange: {number}
at: 0
client: {number}
request: {{method: POST, path: /api/v1, json: {{type: SUBSCRIBE}}}}
response: {{after: 0, status: 200, headers: {{Content-Type: application/json}}, stream: recordio}}
...
"""
EVENT = "---\nevent: {number}\nof: {exchange}\nat: {at}\njson: {text}\n...\n"
HEARTBEAT = "{type: HEARTBEAT}"
SESSION = re.compile(
    r"^    \$ mesotape (replay cassette\.yaml -- true)\n((?:    .*\n)*?)"
    r"    \$ echo \$\?\n    (\d+)$",
    re.MULTILINE,
)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def quoted(name: str, beginning: str) -> str:
    """Return the line of a page that begins so."""
    (line,) = re.findall(rf"^ *({re.escape(beginning)}.*)$", page(name), re.MULTILINE)
    return line


def test_a_finding_is_reported_as_shown(tmp_path: Path) -> None:
    streams = "".join(SUBSCRIBE.format(number=number) for number in (1, 2))
    events = "".join(
        EVENT.format(number=number, exchange=2, at=at, text=HEARTBEAT)
        for number, at in ((1, 0.7), (2, 0.8), (3, 0.9), (4, 0.5))
    )
    (tmp_path / "master.yaml").write_text(HEADER + streams + events)
    done = run("validate", "master.yaml", cwd=tmp_path)
    assert quoted("cassette.md", "master.yaml:") in done.stdout.splitlines()


def test_an_error_while_a_cassette_plays_is_reported_as_shown(tmp_path: Path) -> None:
    events = (
        EVENT.format(number=1, exchange=1, at=0.1, text=HEARTBEAT),
        EVENT.format(number=2, exchange=1, at=0.2, text='|-\n  {"type": "HEARTBEAT",}'),
    )
    text = "".join([HEADER, SUBSCRIBE.format(number=1), *events])
    (tmp_path / "master.yaml").write_text(text)
    done = run("validate", "master.yaml", cwd=tmp_path)
    assert quoted("replay.md", "master.yaml:") in done.stdout.splitlines()


def test_a_refusal_is_as_shown(tmp_path: Path) -> None:
    text = page("streams.md")
    ((body, answer),) = re.findall(r"^    \$ curl -s -d '(.*)' .*\n    (.*)$", text, re.MULTILINE)
    (tmp_path / "cassette.yaml").write_text(HEADER + SUBSCRIBE.format(number=1))
    with mesotape.Player(tmp_path / "cassette.yaml", strict=False) as player:
        client = http.client.HTTPConnection(*player.address, timeout=30)
        of_curl = {"Content-Type": "application/x-www-form-urlencoded"}
        client.request("POST", "/api/v1", body, of_curl)
        assert client.getresponse().read().decode() == answer
        client.close()


def test_what_is_required_is_reported_as_shown(tmp_path: Path) -> None:
    text = page("replay.md")
    (cassette,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "cassette.yaml").write_text(cassette)
    ((command, shown, code),) = SESSION.findall(text)
    done = run(*command.split(), cwd=tmp_path)
    printed = re.sub(r"(127\.0\.0\.1:)\d+", r"\g<1>41485", done.stdout + done.stderr)
    assert printed == re.sub("^    ", "", shown, flags=re.MULTILINE)
    assert done.returncode == int(code)
