"""Time and memory are linear in the size of what is redacted, also if it was made to take long."""

import base64
import importlib
import os
import pkgutil
import re
import tracemalloc
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from support.linear_time import find_slow, is_linear

from mesotape.cassettes import known_secrets, redaction
from mesotape.cassettes.format.documents import Event, Note
from mesotape.cassettes.redaction.command_lines import redact_command
from mesotape.cassettes.redaction.redactor import Redactor, Redactors
from mesotape.cassettes.redaction.rules import DEFAULT_RULES
from mesotape.cassettes.redaction.urls import redact_form
from mesotape.cassettes.redaction.value_shapes import ValueShape

UNITS = [
    *[b"a", b"12345678", b"A1", b"_", b".", b" ", b"\n", b'"', b"\\", b"=", b"\xe9="],
    *[b"password=", b"a:", b"password ", b'secret\\"', b"--token ", b"a=b; ", b'a="b", '],
    *[b'{"name":"a","value":"b c d"},', b'{"a":[{"b":[],"c":"d"}]},', b"[{", b'{"a":{"b":"c'],
    *[b'{"secret":[', b"[", b'{"name":"a","value":"b"},', b'"value":"b",', b'"a",', b'\\"a\\":'],
    *[b"://a:", b"://" + b"u" * 30, b"?token&", b"?a=b&", b"a:b@", b"/a", b"%41", b"$a "],
    *[b"-----BEGIN PRIVATE KEY-----", b"eyJaaaaa.", b"bearer ", b"ghp_", b"sk-"],
    *[b"hooks.slack.com/services/", b"UkVEQUNURUQt", b"REDACTED-1", b"9\n", b"1\n\x01"],
    *[b"\x0a\x01\x01", b"\x0a", b"\x08\x01", b"\x0a\x07\x0a\x05token", b"\xff", b"\x12\x7f"],
]
"""What an expression may begin to match at each place, in vain."""

SIZES = (1 << 14,)
if os.environ.get("MESOTAPE_LONG_INPUTS"):
    SIZES = (1 << 10, 1 << 13, 1 << 16, 1 << 20)


def modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def patterns(value: object) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    """Iterate over the expressions in a value of a module, and in all collections in it."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, ValueShape):
        yield value.expression
    elif isinstance(value, tuple | list | frozenset | set):
        for each in value:
            yield from patterns(each)
    elif isinstance(value, dict):
        yield from patterns(list(value.values()))


EXPRESSIONS = {
    f"{module.__name__.rpartition('.')[2]}.{name} {number}": pattern
    for package in (redaction, known_secrets)
    for module in modules(package)
    for name, value in sorted(vars(module).items())
    for number, pattern in enumerate(patterns(value))
}


def test_all_expressions_are_found() -> None:
    assert len({each.pattern for each in EXPRESSIONS.values()}) > 40


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_takes_linear_time(name: str) -> None:
    expression = EXPRESSIONS[name]

    def search(data: bytes) -> None:
        text = data.decode("latin-1") if isinstance(expression.pattern, str) else data
        expression.match(text)
        expression.fullmatch(text)
        for _ in expression.finditer(text):
            pass

    assert not find_slow(search, UNITS, SIZES)


def redact_headers(text: str) -> None:
    headers = Redactor()._headers
    for name in ("Cookie", "Authorization", "WWW-Authenticate", "Sec-WebSocket-Protocol", "X-A"):
        headers.redact_headers({name: text})


def redact_known(text: str) -> None:
    redactor = Redactor()
    for secret in (f"x1{text[:40]}", text[:4000]):
        redactor.secrets.placeholder(secret)
    redactor.redact(Note(note=text + base64.b64encode(text.encode()).decode(), at=0))


def redact_json(text: str) -> None:
    redactors = Redactors.build(DEFAULT_RULES, Redactor().secrets, Redactor().counts)
    redactors.json.redact_json('{"command":{"arguments":["a"]},"token":"1",' + text)


def redact_flags(text: str) -> None:
    redactors = Redactors.build(DEFAULT_RULES, Redactor().secrets, Redactor().counts)
    redactors.json.redact_json('{"flags":[{"name":"a","value":"b"},' + text)


TEXTS: dict[str, Callable[[str], object]] = {
    "note": lambda text: Redactor().redact(Note(note=text, at=0)),
    "headers": redact_headers,
    "target": lambda text: Redactor()._headers.redact_target(f"/?token=1&{text}"),
    "form": lambda text: redact_form(text, str),
    "upstream": lambda text: Redactor().redact_upstream(text),
    "known secrets": redact_known,
    "command line": lambda text: redact_command(text, str),
    "JSON": redact_json,
    "flags": redact_flags,
    "new secret": lambda text: Redactor().secrets.placeholder(text),
    "bytes": lambda text: Redactor().redact_bytes(text.encode("latin-1")),
    "bytes with a secret": lambda text: Redactor().redact_bytes(b"\x01token=1" + text.encode()),
    "message": lambda text: Redactor().redact_bytes(b"\x0a\x01\x01" + text.encode("latin-1")),
}


@pytest.mark.parametrize("name", TEXTS)
def test_time_is_linear(name: str) -> None:
    redact = TEXTS[name]
    assert not find_slow(lambda data: redact(data.decode("latin-1")), UNITS, SIZES)


MEMBERS = [
    b'{"name":"a","value":"b"},',
    b'{"name":"a","value":"b c d"},',
    b'{"name":"auth","value":"b"},',
    b'{"a":[{"b":{"c":"d"}}]},',
]


@pytest.mark.parametrize("member", MEMBERS)
def test_time_is_linear_with_many_members(member: bytes) -> None:
    assert is_linear(lambda data: redact_flags(data.decode()), member, 1 << 20)


def test_what_is_quadratic_is_found() -> None:
    expression = re.compile(r"a*b")
    assert not is_linear(lambda data: expression.search(data.decode()), b"a", 1 << 14)


LARGE_TEXTS: dict[str, tuple[bytes, bytes, bytes]] = {
    "list": (b"[", b'"ab",', b'"password=kX9.fj2-ffQ0zz"]'),
    "objects": (b"[", b'{"key":"a","value":"b"},', b'{"key":"password","value":"kX9.fj2-"}]'),
    "values": (b"[", b'{"a":["b","c"],"d":1},', b'{"password":"kX9.fj2-ffQ0zz"}]'),
    "not ASCII": (b"[", '"äöü",'.encode(), b'"password=kX9.fj2-ffQ0zz"]'),
    "names": (b"", b"the token bucket, a key and a password; ", b""),
    "log": (b"", b"INFO token bucket: size=120 https://host/x?a=b took 12ms\n", b""),
    "assignments": (b"", b"password=kX9.fj2-ffQ0zz and then\n", b""),
    "placeholders": (b"", b"password=REDACTED-1 and then\n", b""),
    "known secrets": (b"", b"some hunter2-hunter3 and so on\n", b""),
}


@pytest.mark.parametrize("name", LARGE_TEXTS)
def test_a_large_text_takes_little_memory(name: str) -> None:
    begin, unit, end = LARGE_TEXTS[name]
    size = 1 << 18
    text = (begin + unit * (size // len(unit)) + end).decode()
    is_json = text.startswith("[")
    event = Event(
        event=1, of=1, at=0, json=text if is_json else None, text=None if is_json else text
    )
    redactor = Redactor()
    redactor.secrets.placeholder("hunter2-hunter3")
    redactor.redact(Note(note=text[:1000], at=0))
    tracemalloc.start()
    try:
        redactor.redact(event)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    copies = 3.5 if text.isascii() else 7  # of which each has two bytes for a character
    assert peak < copies * size + 1_500_000
