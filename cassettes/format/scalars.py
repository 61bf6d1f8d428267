r"""Text as YAML scalars that every YAML reader reads as the same text.

There are three styles, from the most readable to the one that can hold any text:

    Content-Type: application/json       plain, where YAML 1.1 and 1.2 both read it as text
    Content-Length: "20"                 double-quoted; the only style that can escape
    text: |-                             a literal block, for bodies
      two
      lines

A literal block has no escapes, so text with characters that YAML does not allow unescaped (YAML
1.2.2, section 5.1, and those that libyaml refuses or folds) is double-quoted instead.

The patterns of the scalars are here too, for the readers that accept exactly the writer's layout.
"""

import re

from ...proto.compiled import check_usable

try:
    check_usable("mesotape.cassettes.format")
    from . import _native as native
except ImportError:  # Python code does the same.
    native = None

PLAIN_SCALAR_PATTERN = (
    r"(?!(?i:y|n|yes|no|true|false|on|off|null)(?::?(?:\n|\Z)|: ))"
    r"[A-Za-z/_][!-9;-~]*(?:(?::(?=[!-~])| (?=[!-\"$-9;-~]|:[!-~]))[!-9;-~]*)*"
)
"""Text that is written plain: it begins like a word or a path, has neither `: ` nor ` #`, and is
none of YAML 1.1's booleans and nulls. Numbers and dates do not begin with a letter."""

QUOTED_TEXT_PATTERN = r"[ !#-\[\]-~]*"
"""Text without an escape, between double quotes."""

NUMBER_PATTERN = "[1-9][0-9]{0,17}"
"""The number of an exchange, event or client. It fits into 64 bits."""

SECONDS_PATTERN = r"[0-9]{1,12}\.[0-9]{6}"
"""A time, as the writer formats it with `:.6f`."""

MAX_KEY_LENGTH = 1000
"""Characters, quotes included. YAML reads a longer key only after a `?` (its limit is 1024)."""

LITERAL_BLOCK_BYTES = bytes([0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])
"""The ASCII allowed in a literal block, and every byte of longer UTF-8 sequences, whose characters
`can_be_literal_block` checks."""

_FORBIDDEN = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
_FORBIDDEN_IN_BLOCK = re.compile(f"[{_FORBIDDEN}]")

_JSON_STARTS = '{["'
_PLAIN = re.compile(PLAIN_SCALAR_PATTERN)
_ESCAPED = re.compile(rf'["\\\t\n\xa0{_FORBIDDEN}]')
_SHORT = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def format_scalar(text: str) -> str:
    """Format text on one line: plain if that is safe, else double-quoted."""
    return text if _PLAIN.fullmatch(text) else quote_scalar(text)


def quote_scalar(text: str) -> str:
    """Format text on one line, double-quoted. A lone surrogate becomes U+FFFD."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def format_literal_block(text: str, indent: bytes) -> bytes:
    """Format text as a literal block whose lines start with `indent`, or double-quoted.

    The result is what follows `key: `, without a line end. Text that no block can hold is quoted.
    """
    data = text.encode(errors="surrogatepass")
    if native is not None and text and text[0] in _JSON_STARTS and text[-1] != "\n":
        # Nearly all bodies; this takes a third of the time.
        indented = native.indent_plain_lines(data, len(indent))
        if indented is not None:
            return b"|-\n%b%b" % (indent, indented)
    if (
        not text
        or data.translate(None, LITERAL_BLOCK_BYTES)
        or not (text.isascii() or can_be_literal_block(text))
    ):
        return quote_scalar(text).encode()
    if text[-1] == "\n" or text[0] not in _JSON_STARTS:
        return _format_text_block(text, data, indent)
    return b"|-\n" + indent + data.replace(b"\n", b"\n" + indent)


def can_be_literal_block(text: str) -> bool:
    """Return whether every character of the text is allowed in a literal block."""
    return not _FORBIDDEN_IN_BLOCK.search(text)


def _format_text_block(text: str, data: bytes, indent: bytes) -> bytes:
    """Format text that, unlike JSON, may have blank lines, leading blanks or a last line end."""
    if text.endswith("\n\n") or text.isspace():
        return quote_scalar(text).encode()
    head = b"|2" if text[0] in " \t\n" else b"|"
    if text[-1] == "\n":
        data = data[:-1]
    else:
        head += b"-"
    line_start, blank_line = b"\n" + indent, b"\n" + indent + b"\n"
    data = line_start + data.replace(b"\n", line_start)
    # Blank lines stay empty. Where one follows another, they are found in turns.
    return head + data.replace(blank_line, b"\n\n").replace(blank_line, b"\n\n")


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return _SHORT.get(char) or (f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}")
