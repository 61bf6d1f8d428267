import json

import pytest

from mesotape.proto.shown_text import (
    escape_json,
    escape_line,
    escape_message,
    escape_text,
    quote_start,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é, 漢, 😀", "plain, é, 漢, 😀"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\u2028b\ufeff", "a\\u2028b\\ufeff"),
        ("a\ud800b", "a\\ud800b"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\\x1b is text already", "\\x1b is text already"),
    ],
)
def test_a_line_shows_what_a_terminal_would_hide(text: str, shown: str) -> None:
    assert escape_line(text) == shown
    assert shown.encode().decode() == shown


def test_line_ends_and_tabs_of_a_text_stay() -> None:
    assert escape_text("a\tb\nc\x1b\r\n") == "a\tb\nc\\x1b\\r\n"


def test_json_says_the_same_after_escaping() -> None:
    value = {"a\u202eb": "\x1b\x7f\x9b\u2028\ufff9é😀\n"}
    text = json.dumps(value, ensure_ascii=False)
    escaped = escape_json(text)
    assert json.loads(escaped) == value
    assert escape_text(escaped) == escaped


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 60 + "…"),
        ("a\nb", "a\\nb"),
        (10**70, "1" + "0" * 59 + "…"),
    ],
)
def test_what_a_message_quotes_is_cut_and_on_one_line(text: object, quoted: str) -> None:
    assert quote_start(text) == quoted


def test_a_message_has_no_very_long_line() -> None:
    message = escape_message("short\n" + "x" * 5000)
    assert message == "short\n" + "x" * 1000 + "… (4000 more characters)"
