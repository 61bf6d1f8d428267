r"""Text of unknown origin, made safe to show on a terminal.

A cassette, a client or a server can send escape sequences that clear the screen, rename the window
or hide what follows, marks that reverse the direction of writing, and line ends that forge a line
of their own. They are shown as escapes: `\x1b[2J`, `\u202e`, `\n`.
"""

import re
from typing import Any, cast

from .counted import counted

_UNSEEN = (
    "\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff"  # XML has no place for these two.
)
"""Control and format characters and line separators that JSON need not escape."""

_HIDDEN = rf"\x00-\x08\x0b-\x1f{_UNSEEN}\ud800-\udfff"
"""The same, other control characters but tab and newline, and lone surrogates."""

_NOT_SHOWN = re.compile(f"[{_HIDDEN}]")
_NOT_IN_LINE = re.compile(f"[{_HIDDEN}\t\n]")
_NOT_IN_JSON = re.compile(f"[{_UNSEEN}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

_QUOTED_CHARACTERS = 60
_LINE_CHARACTERS = 1000
"""Characters of what a message quotes, and of one line of a message."""


def escape_text(text: str) -> str:
    """Escape what a terminal would not show; tabs and line ends stay."""
    return _NOT_SHOWN.sub(_escape, text)


def escape_line(text: str) -> str:
    """Escape what a terminal would not show, tabs and line ends too."""
    if text.isascii() and text.isprintable():
        return text  # Nearly every text is such a one, and is known to be in a fifth of the time.
    return _NOT_IN_LINE.sub(_escape, text)


def escape_json(text: str) -> str:
    r"""Escape what JSON need not escape, but a terminal would not show; the JSON says the same."""
    return _NOT_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def escape_surrogates(text: str) -> str:
    r"""Return a text in which each byte that was not UTF-8 is shown as `\xff`.

    mitmproxy decodes with `surrogateescape`, and such a text cannot be encoded again.
    """
    return _SURROGATE.sub(_escape_surrogate, text)


def encode_json(value: object) -> bytes:
    r"""Encode a value as JSON; a byte that is not UTF-8, as in a file name, is shown as `\xff`."""
    import msgspec  # Commands that print no JSON start without it.

    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(value)))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return escape_surrogates(value)
    if isinstance(value, list):
        return [*map(_without_surrogates, cast("list[Any]", value))]
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return {escape_surrogates(key): _without_surrogates(each) for key, each in items}
    return value


def quote_start(text: object, max_characters: int = _QUOTED_CHARACTERS) -> str:
    """Return the start of a text for a message, on one line, with a mark if something is cut."""
    shown = str(text)
    cut = "" if len(shown) <= max_characters else "…"
    return escape_line(shown[:max_characters]) + cut


def escape_message(text: str) -> str:
    """Escape the lines of a message, and cut those that are very long."""
    return "\n".join(map(_cut_line, escape_text(text).split("\n")))


def _cut_line(line: str) -> str:
    more = len(line) - _LINE_CHARACTERS
    return line if more <= 0 else f"{line[:_LINE_CHARACTERS]}… ({counted(more, 'more character')})"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:
        return _escape_surrogate(match)
    return _SHORT.get(match[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def _escape_surrogate(surrogate: re.Match[str]) -> str:
    code = ord(surrogate[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
