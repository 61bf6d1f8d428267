"""Cassettes of an attacker: one-line errors, no traceback, nothing that a terminal obeys."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.playback.playback import Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.judge import check_for_playing, open_for_playing
from mesotape.proxy.cli import cli
from mesotape.proxy.commands.console import EXIT_MALFORMED

HEADER = """---
mesotape: 1
server: master
recorded_at: 2026-11-22T12:18:29.104233Z
...
"""
EXCHANGE = """---
exchange: 1
at: 0.5
client: 1
request:
  method: GET
  path: /version
  headers: {Accept: '*/*'}
response:
  after: 0.1
  status: 200
  headers: {Content-Type: text/plain}
  text: hello
...
"""
STREAM = """---
exchange: 1
at: 0.5
client: 1
request:
  method: POST
  path: /api/v1
  headers: {Content-Type: application/json}
  json: {type: SUBSCRIBE}
response:
  after: 0.1
  status: 200
  headers: {Content-Type: application/json}
  stream: recordio
...
---
event: 1
of: 1
at: 1.0
json: {type: HEARTBEAT}
...
---
end: 1
at: 2.0
cause: server
...
---
note: remark
at: 3.0
of: 1
...
"""
ESC = '"a\\e[2Jb"'
DIGITS = "9" * 5000
TOO_LARGE = str(1 << 63)
LARGEST = "at most 9223372036854775807, found '9223372036854775808'"

REFUSED = {
    "value": ("text/plain", '"a\\r\\nX: y"', 17, r"headers.Content-Type: '\\r' cannot be sent"),
    "name": ("Content-Type", '"a\\r\\nX"', 17, r"headers.a\\r\\nX: '\\r' cannot be sent"),
    "reason": ("status: 200", 'status: 200\n  reason: "a\\nb"', 17, r"reason: '\\n' cannot be"),
    "method": ("GET", '"G\\r"', 11, r"request.method: '\\r' cannot be sent"),
    "path": ("/version", '"/a\\n"', 12, r"request.path: '\\n' cannot be sent"),
    "version": ("GET", 'GET\n  version: "1\\r"', 12, r"request.version: '\\r' cannot be sent"),
    "status-0": ("200", "0", 16, "status: expected 200 to 599, found 0"),
    "status-100": ("200", "100", 16, "status: expected 200 to 599, found 100"),
    "status-600": ("200", "600", 16, "status: expected 200 to 599, found 600"),
    "status-digits": ("200", DIGITS, 16, "status: expected a whole number, found '999"),
    "exchange-large": ("exchange: 1", f"exchange: {TOO_LARGE}", 7, LARGEST),
    "exchange-digits": ("exchange: 1", f"exchange: {DIGITS}", 7, "expected a whole number, found"),
    "client-large": ("client: 1", f"client: {TOO_LARGE}", 9, LARGEST),
    "event-large": ("event: 1", f"event: {TOO_LARGE}", 22, LARGEST),
    "of-large": ("of: 1", f"of: {TOO_LARGE}", 23, LARGEST),
    "end-large": ("end: 1", f"end: {TOO_LARGE}", 28, LARGEST),
    "note-large": ("3.0\nof: 1", f"3.0\nof: {TOO_LARGE}", 35, LARGEST),
    "chunk-large": ("at: 1.0", f"at: 1.0\nchunks: [[{TOO_LARGE}, 1.0]]", 25, LARGEST),
    "offset-large": ("at: 1.0", f"at: 1.0\noffset: {TOO_LARGE}", 25, LARGEST),
    "at-digits": ("at: 0.5", f"at: {DIGITS}", 8, "at: expected a number, found '999"),
    "format-digits": ("mesotape: 1", f"mesotape: {DIGITS}", 2, "format 9{20}… is newer"),
    "format-other": ("mesotape: 1", "mesotape: ¹", 2, "expected a whole number, found '¹'"),
    "no-content-type": ("Content-Type: text/plain", "Content-Type: []", 17, "found an empty list"),
    "no-accept": ("Accept: '*/*'", "Accept: []", 13, "found an empty list"),
    "year": ("2026-11-22T12:18:29.104233Z", "0001-01-01T00:00:00+23:59", 4, "found the year 1"),
    "key": ("client: 1", f"client: 1\n{ESC}: 1", 10, r"exchange 1: a\\x1b\[2Jb: unknown key"),
    "long-key": ("client: 1", f"client: 1\n? {'k' * 9999}\n: 1", 11, "1: k{60}…: unknown key"),
    "long-tag": ("GET", f"!{'t' * 9999} GET", 11, "tags are not allowed: found `!t{59}…`"),
    "tag": ("GET", "!<%1b[2J> GET", 11, r"tags are not allowed: found `\\x1b\[2J`"),
    "hex": ("{type: HEARTBEAT}", f"{{a: 0x{'f' * 5000}}}", 25, "0xf{58}…` is more than 64 bits"),
}  # fmt: skip
SHOWN = {
    "path": ("/version", "/a\u202eb"),
    "peer": ("client: 1", f"client: 1\npeer: {ESC}"),
    "note": ("remark", '"a\\e[2J\\nmesotape: all is fine\\u009b"'),
    "type": ("HEARTBEAT", '"a\\e[2J\\u202e"'),
    "text": ("text: hello", f"text: {ESC}"),
    "json": ("{type: HEARTBEAT}", '{type: HEARTBEAT, a: "\\u009b2J\\u202e\\x7f"}'),
    "header": ("Accept:", '"a\\e[2J":'),
    "truncated": ("json: {type: SUBSCRIBE}", 'text: |-\n    {"type": "SUB'),
    "not-utf-8": ("{type: HEARTBEAT}", "{type: X, task_updated: {status: {uuid: 😀}}}"),
    "upstream": ("server: master", f"server: master\nupstream: {ESC}\nrecorder: {ESC}"),
}
COMMANDS = (
    ["validate"],
    ["validate", "--json"],
    ["inspect"],
    ["inspect", "--json"],
    ["inspect", "--show", "1"],
)


def cassette(folder: Path, old: str, new: str) -> Path:
    base = EXCHANGE if old in HEADER + EXCHANGE else STREAM
    path = folder / "c.yaml"
    path.write_text((HEADER + base).replace(old, new, 1))
    return path


class Terminal(io.StringIO):
    """What is printed on a terminal: of other files, click removes escapes."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _without_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "200")


def run_in_process(arguments: list[str]) -> tuple[int, str]:
    """Run a command on a terminal; whatever it raises is a failure."""
    out = Terminal()
    with contextlib.redirect_stdout(out):
        code = cli.main(arguments, standalone_mode=False)
    return code, out.getvalue()


def assert_harmless(text: str) -> None:
    assert re.findall("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text) == []
    assert max(map(len, text.split("\n"))) < 1500


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_played_is_named_by_all_commands(tmp_path: Path, name: str) -> None:
    old, new, line, expected = REFUSED[name]
    path = cassette(tmp_path, old, new)
    with pytest.raises(CassetteError) as refused:
        open_for_playing(path)
    assert str(refused.value).startswith(f"{path}:{line}: ")
    assert re.search(expected, str(refused.value))
    assert_harmless(str(refused.value))
    code, out = run_in_process(["validate", str(path)])
    assert code == EXIT_MALFORMED
    assert f"{path}:{line}: " in out
    assert re.search(expected, out)
    assert_harmless(out)
    if line > HEADER.count("\n"):  # An error in the header ends the command.
        code, out = run_in_process(["inspect", str(path)])
        assert code == EXIT_MALFORMED
        assert_harmless(out)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", SHOWN)
def test_control_characters_are_shown_escaped(
    tmp_path: Path, name: str, arguments: list[str]
) -> None:
    path = cassette(tmp_path, *SHOWN[name])
    _, out = run_in_process([*arguments, str(path)])
    assert_harmless(out)


@pytest.mark.parametrize("name", ["value", "name", "reason", "status-100", "status-600"])
def test_a_large_cassette_is_examined_for_heads_that_cannot_be_sent(
    tmp_path: Path, name: str
) -> None:
    old, new, _, expected = REFUSED[name]
    path = cassette(tmp_path, old, new)
    with Cassette.open(path, lenient=True) as opened:
        assert check_for_playing(opened, max_examined_bytes=0) == []
        with pytest.raises(CassetteError, match=expected) as refused:
            Playback(opened)
    assert str(refused.value).startswith(f"{path}:7: exchange 1: response.")
