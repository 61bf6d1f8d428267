r"""What a stream consists of as YAML documents, and what that is at first sight.

--- # record 2, DATA: byte 96, 77 bytes
# STDOUT "hello\n"
{
  "type": "DATA",
…
--- # record 3, MALFORMED: byte 173, 4 bytes
MALFORMED: "byte 175: length is b'12x', expected decimal digits and a newline"
text: "12x\n"
"""

import contextlib
import textwrap
from collections import Counter, deque
from collections.abc import Sequence

import msgspec
from msgspec import Struct, json

from ..proto.diagnosis.findings import Finding, SkippedBytes
from ..proto.diagnosis.problems import Diagnostic
from . import display
from .body_type import BodyType

NEWEST = 8
"""Records that are named first, because user interfaces show the first lines first."""

MAX_RECORDS = 1000
"""Records that are shown in one text."""

MAX_SAID = 400
"""Characters of what a process said."""


def render_records(findings: Sequence[Finding], subject: BodyType) -> list[str]:
    """Show the last findings, as many as there is room for, but at least one."""
    shown: deque[str] = deque()
    characters, size = display.MAX_TEXT_CHARACTERS, display.MAX_PROTOBUF_BYTES
    for finding in reversed(findings[-MAX_RECORDS:]):
        size -= finding.size
        if shown and (characters <= 0 or size <= 0):
            break
        shown.appendleft(render_record(finding, subject))
        characters -= len(shown[0])
    return list(shown)


def render_record(finding: Finding, subject: BodyType) -> str:
    """Show one record, or bytes that are none."""
    where = f"byte {finding.offset}, {finding.size} bytes"
    line = f"record {finding.number}, {_name(finding)}: {where}"
    # User interfaces may fold empty lines, so there is a blank in the last one.
    return "\n".join([f"--- # {line}", *_marks(finding), _text(finding, subject), " "])


def is_malformed(finding: Finding) -> bool:
    """Whether there is a mark on it."""
    return finding.severity == "malformed"


def summarize_records(findings: Sequence[Finding]) -> list[str]:
    """Say in comment lines what there is: counts by type, malformed pieces, the newest records."""
    if not findings:
        return ["# no record yet"]
    malformed = [one for one in findings if is_malformed(one)]
    kinds = Counter(one.content.type or "no type" for one in findings if not is_malformed(one))
    lines = [f"# {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}"]
    lines += [f"# MALFORMED: record {one.number}, {_reasons(one)}" for one in malformed[:NEWEST]]
    if len(malformed) > NEWEST:
        lines.append(f"# MALFORMED: {len(malformed) - NEWEST} more")
    newest = [f"{one.number} {_name(one)}" for one in reversed(findings[-NEWEST:])]
    lines.append(f"# the newest: {', '.join(newest)}")
    return lines if kinds else lines[1:]


def _name(finding: Finding) -> str:
    return "MALFORMED" if is_malformed(finding) else finding.content.type or "no type"


def _reasons(finding: Finding) -> str:
    told = [_told(one, finding) for one in finding.diagnostics if one.severity == "malformed"]
    return "; ".join(told)


def _told(remark: Diagnostic, finding: Finding) -> str:
    """Say what is wrong and where; a line break in it would end a comment."""
    place = finding.offset if remark.start is None else remark.start
    return " ".join(f"byte {place}: {remark.text}".splitlines())


def _marks(finding: Finding) -> list[str]:
    """Say what is wrong: malformed as a key of the document, all else in comments."""
    marks = [
        f"# {_told(one, finding)}" for one in finding.diagnostics if one.severity != "malformed"
    ]
    if is_malformed(finding):
        marks.append(f"MALFORMED: {json.encode(_reasons(finding)).decode()}")
    return marks


def _text(finding: Finding, subject: BodyType) -> str:
    if isinstance(finding, SkippedBytes) and finding.payload is None:
        return display.render_bytes(finding.data, finding.size)
    shown = display.render_message(finding.payload or b"", subject)
    if shown.problem is not None:
        return shown.text if is_malformed(finding) else f"# {shown.problem}\n{shown.text}"
    text = display.truncate_text(shown.text)
    if is_malformed(finding):
        return f"record:\n{textwrap.indent(text, '  ')}"
    return _said(shown.text) + text


class _ProcessData(Struct):
    type: str
    data: bytes


class _Output(Struct):
    data: _ProcessData


class _Attached(Struct):
    process_io: _Output


class _AttachInputCall(Struct):
    attach_container_input: _Attached


_OUTPUT = json.Decoder(_Output)
_INPUT = json.Decoder(_AttachInputCall)


def _said(text: str) -> str:
    """Say in a comment line what a process wrote or was given, which is base64 in a message."""
    if (typed := _typed(text)) is None:
        return ""
    said = typed.data.decode(errors="backslashreplace")
    more = " …" if len(said) > MAX_SAID else ""
    return f"# {typed.type} {json.encode(said[:MAX_SAID]).decode()}{more}\n"


def _typed(text: str) -> _ProcessData | None:
    with contextlib.suppress(msgspec.DecodeError):
        return _OUTPUT.decode(text).data
    with contextlib.suppress(msgspec.DecodeError):
        return _INPUT.decode(text).attach_container_input.process_io.data
    return None
