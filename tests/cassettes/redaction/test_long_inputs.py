"""Time is linear in the size of what is redacted, also if it was made to take long."""

import base64
import gc
import time

import pytest

from mesotape.cassettes.format.documents import Note
from mesotape.cassettes.redaction.command_lines import redact_command
from mesotape.cassettes.redaction.headers import HeaderRedactor
from mesotape.cassettes.redaction.redactor import Redactor

UNITS = {
    "letters": "a",
    "assignments": "password=",
    "names": "token_",
    "separators": "a:",
    "spaces": "password ",
    "quotes": '"',
    "escapes": 'secret\\"',
    "braces": '{"secret":[',
    "brackets": "[",
    "urls": "://a:",
    "users": "://" + "u" * 30,
    "queries": "?token&",
    "keys": "-----BEGIN PRIVATE KEY-----",
    "jwt": "eyJaaaaa.",
    "bearers": "bearer ",
    "prefixes": "ghp_",
    "base64": "UkVEQUNURUQt",
    "placeholders": "REDACTED-1",
    "lengths": "9\n",
    "digits": "1234567890",
    "dashes": "--token ",
    "not ASCII": "é=",
}


def redact_note(text: str) -> None:
    redactor = Redactor()
    redactor.redact(Note(note=text, at=0))


def redact_header(text: str) -> None:
    headers = HeaderRedactor(Redactor()._text)
    for name in ("Cookie", "Authorization", "WWW-Authenticate", "Sec-WebSocket-Protocol", "X-A"):
        headers.redact_headers({name: text})


def redact_known(text: str) -> None:
    redactor = Redactor()
    for secret in (text[:40], text[:4000]):
        redactor.secrets.placeholder(secret)
    redactor.redact(Note(note=text + base64.b64encode(text.encode()).decode(), at=0))


@pytest.mark.parametrize(
    "function",
    [redact_note, redact_header, redact_known, lambda text: redact_command(text, str)],
    ids=["text", "headers", "known", "command"],
)
@pytest.mark.parametrize("name", UNITS)
def test_time_is_linear(function, name) -> None:
    unit = UNITS[name]

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        # A full collection of all that the tests have loaded would take longer.
        gc.disable()
        try:
            begun = time.process_time()
            function(text)
            return time.process_time() - begun
        finally:
            gc.enable()

    def is_linear() -> bool:
        # Eight times the size: linear is 8, and quadratic is 64.
        return seconds(64_000) < 24 * max(seconds(8_000), 0.005)

    assert any(is_linear() for _ in range(3))
