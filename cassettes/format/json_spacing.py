r"""The white space that common JSON writers put between tokens, by name.

A body under `json` is indented for reading, whatever was sent. `spacing` names how to write it:

    (none)         {"a":1,"b":[2,3]}       Mesos; most writers by default
    spaced         {"a": 1, "b": [2, 3]}   json.dumps of Python
    comma-spaced   {"a":1, "b":[2, 3]}     protojson of Go, in half of all builds
    indent-2       one value on each line  JSON.stringify, json.dumps with indent; also 1, 4 and tab
    jackson        "a" : 1, [ 2, 3 ]       the pretty printer of Jackson
    protobuf-java  "a": 1, [2, 3]          JsonFormat of protobuf
    protobuf-go    "a":  1                 protojson with Multiline, in half of all builds

`indent-1` is protobuf in C++. With ` newline` after the name, a line end follows: `compact newline`
is json.Encoder of Go. The names are in `documents.Spacing`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, cast

from msgspec import json

from .documents import Spacing
from .scalars import native

MAX_INDENTED_BYTES = 256 * 1024
"""A longer body stays on one line: it is too long to be read in an editor anyway."""

MAX_NESTING = 64
MAX_SHORT_BYTES = 4096
"""JSON that is longer and nested deeper stays on one line: its indentation could need gigabytes."""

MAX_GROWTH = 16
"""JSON stays on one line if the indentation would make it longer than this many times."""

_NEWLINE = " newline"


class _Style(NamedTuple):
    """White space of a writer that msgspec cannot imitate.

    Objects have a line for each member if there is an `indent`, lists only if `has_list_lines`.
    Lists on one line have `list_blank` inside the brackets. A line end in an empty object is
    followed by the indentation.
    """

    indent: str = "  "
    colon: str = ": "
    has_list_lines: bool = False
    list_blank: str = ""
    in_empty_object: str = ""
    in_empty_list: str = ""


_MSGSPEC_INDENTS = {"compact": -1, "spaced": 0, "indent-1": 1, "indent-2": 2, "indent-4": 4}
_STYLES = {
    "comma-spaced": _Style(indent="", colon=":"),
    "indent-tab": _Style(indent="\t", has_list_lines=True),
    "jackson": _Style(colon=" : ", list_blank=" ", in_empty_object=" ", in_empty_list=" "),
    "protobuf-java": _Style(in_empty_object="\n"),
    "protobuf-go": _Style(colon=":  ", has_list_lines=True),
}
_CANDIDATES = {
    b"": ("compact", "spaced", "comma-spaced"),
    b" ": ("indent-1",),
    b"  ": ("indent-2", "jackson", "protobuf-java", "protobuf-go"),
    b"    ": ("indent-4",),
    b"\t": ("indent-tab",),
}
"""The styles to try, by the indentation of the second line."""

_SECOND_LINE = re.compile(rb"[^\n]{1,2}\n([ \t]+)")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\{\}|\[\]|[{}\[\],:]|[^"{}\[\],:]+')
_OTHER_BYTES = bytes(set(range(256)) - set(b'[]{}"'))


def indent_json(data: bytes) -> bytes | None:
    """Indent JSON for reading; None if it is too long, or nested too deeply.

    Raises ValueError or RecursionError if it is not JSON.
    """
    if len(data) > MAX_SHORT_BYTES and not can_be_indented(data):
        return None
    indented = json.format(data)
    return None if len(indented) > MAX_GROWTH * len(data) else indented


def indent_plain_json(data: bytes) -> bytes | None:
    """Return what `indent_json` does, if JSON is compact and a literal block can hold it.

    Otherwise, and without the compiled module, returns None. This takes 0.2 instead of 0.8 ms for
    100 KB, and it is the JSON that Mesos sends.
    """
    if native is None or len(data) > MAX_INDENTED_BYTES:
        return None
    return native.indent_json(data, MAX_GROWTH)


def can_be_indented(data: bytes) -> bool:
    """Return whether JSON that is not short is neither too long nor nested too deeply."""
    if len(data) > MAX_INDENTED_BYTES:
        return False
    # Without other bytes most strings are `""`. To remove these is fast, and never moves a bracket
    # into a string or out of one.
    unescaped = data.replace(rb"\\", b"").replace(rb"\"", b"")
    structure = unescaped.translate(None, _OTHER_BYTES).replace(b'""', b"")
    brackets = b"".join(structure.split(b'"')[::2])
    for _ in range(MAX_NESTING):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")  # Without the innermost level.
    return not brackets


def apply_spacing(text: bytes, spacing: Spacing) -> bytes:
    """Return JSON with the white space of a spacing in place of its own.

    Raises as `indent_json` does.
    """
    style = spacing.removesuffix(_NEWLINE)
    return _write(text, style) + (b"" if style == spacing else b"\n")


def find_spacing(data: bytes) -> Spacing | None:
    """Return the spacing that gives exactly these bytes, or None.

    Raises as `indent_json` does. JSON without white space has no spacing and gives None.
    """
    line = data.removesuffix(b"\n")
    second_line = _SECOND_LINE.match(line)
    if second_line is None and b"\n" in line:
        return None
    for style in _CANDIDATES.get(second_line[1] if second_line else b"", ()):
        if _write(line, style) == line:
            return cast("Spacing", style if line is data else style + _NEWLINE)
    return None


def _write(text: bytes, style: str) -> bytes:
    indent = _MSGSPEC_INDENTS.get(style)
    if indent is not None:
        return json.format(text, indent=indent)
    compact = json.format(text, indent=-1).decode()
    return "".join(_spaced_tokens(compact, _STYLES[style])).encode()


def _spaced_tokens(compact: str, style: _Style) -> Iterator[str]:
    """Yield the tokens of JSON that has no white space, each with what follows or precedes it."""
    line_end = "\n" if style.indent else ""
    inner: list[bool] = []  # Of each open container: whether it has lines of its own.

    def new_line() -> str:
        return line_end + style.indent * sum(inner)

    for token in _TOKEN.findall(compact):
        match token:
            case "{" | "[":
                has_lines = token == "{" or style.has_list_lines
                inner.append(has_lines)
                yield token + (new_line() if has_lines else style.list_blank)
            case "}" | "]":
                has_lines = inner.pop()
                yield (new_line() if has_lines else style.list_blank) + token
            case ",":
                yield "," + (new_line() if style.indent and inner[-1] else " ")
            case ":":
                yield style.colon
            case "{}":
                blank = style.in_empty_object
                yield "{" + (new_line() if blank == "\n" else blank) + "}"
            case "[]":
                yield f"[{style.in_empty_list}]"
            case _:
                yield token
