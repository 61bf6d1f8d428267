r"""Text as YAML scalars that any YAML reader gives back as that very text.

Three styles, from the most readable to the one that can hold everything:

    Content-Type: application/json       plain, where YAML 1.1 and 1.2 both read it as text
    Content-Length: "20"                 double-quoted; the only style that can escape
    text: |-                             a literal block, for bodies
      two
      lines

A literal block cannot escape, so text with characters that YAML does not allow to stand there
unescaped (YAML 1.2.2, section 5.1, and what libyaml refuses or folds) is double-quoted instead.
"""

import re

PLAIN_SCALAR_PATTERN = (
    r"(?!(?i:y|n|yes|no|true|false|on|off|null)(?::?(?:\n|\Z)|: ))"
    r"[A-Za-z/_][!-9;-~]*(?:(?::(?=[!-~])| (?=[!-\"$-~]))[!-9;-~]*)*"
)
"""A pattern of what may stand plain: begins like a word or a path, has no `: ` and no ` #`, and is
none of YAML 1.1's booleans and nulls. Numbers and dates do not begin with a letter."""

FORBIDDEN = re.compile(
    "[^\n\t -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Characters that cannot stand in a literal block: forbidden by YAML, or line ends to it."""

LITERAL_BLOCK_BYTES = bytes([0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])
"""What ASCII may stand in a literal block; the rest of UTF-8 is left to `FORBIDDEN`."""

_JSON_STARTS = '{["'
_PLAIN = re.compile(PLAIN_SCALAR_PATTERN)
_ESCAPED = re.compile(
    '["\\\\]|[^ -~\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]'
)
_SHORT = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_LINE_START = re.compile(rb"\n(?=[^\n])")


def format_scalar(text: str) -> str:
    """Text on one line: plain if that is safe, else double-quoted."""
    return text if _PLAIN.fullmatch(text) else quote_scalar(text)


def quote_scalar(text: str) -> str:
    """Text on one line, double-quoted. A lone surrogate, which is no character, becomes U+FFFD."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def format_literal_block(text: str, indent: bytes) -> bytes:
    """Text as a literal block, its lines begun with `indent`, or quoted if no block can hold it."""
    data = text.encode(errors="surrogatepass")
    if (
        not text
        or data.translate(None, LITERAL_BLOCK_BYTES)
        or not (text.isascii() or can_be_literal_block(text))
    ):
        return quote_scalar(text).encode()
    if text[-1] == "\n" or text[0] not in _JSON_STARTS:
        return _block_of_text(text, data, indent)
    return b"|-\n" + indent + data.replace(b"\n", b"\n" + indent)


def can_be_literal_block(text: str) -> bool:
    """Whether every character of the text may stand in a literal block."""
    return not FORBIDDEN.search(text)


def _block_of_text(text: str, data: bytes, indent: bytes) -> bytes:
    """Minds what JSON does not have: blank lines, blanks in front, line ends behind."""
    if text.endswith("\n\n") or text.isspace():
        return quote_scalar(text).encode()
    head = b"|2" if text[0] in " \t\n" else b"|"
    if text[-1] == "\n":
        data = data[:-1]
    else:
        head += b"-"
    return head + _LINE_START.sub(b"\n" + indent, b"\n" + data)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return _SHORT.get(char) or (f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}")
