r"""The findings of a stream as YAML documents, and a summary of them in comments.

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

from ...proto.counted import counted
from ...proto.diagnosis.findings import Finding, SkippedBytes
from ...proto.diagnosis.problems import Diagnostic
from . import display
from .body_type import BodyType

_MAX_SUMMARIZED = 8
"""Records that the summary names. User interfaces show the first lines first."""

_MAX_RECORDS = 1000
"""Records that are shown in one text."""

_MAX_PROCESS_CHARACTERS = 400
"""Characters of a container's input or output that are shown above a record."""


def render_records(findings: Sequence[Finding], body_type: BodyType) -> list[str]:
    """Format the last findings: as many as the limits allow, but at least one."""
    texts: deque[str] = deque()
    characters, size = display.MAX_TEXT_CHARACTERS, display.MAX_PROTOBUF_BYTES
    for finding in reversed(findings[-_MAX_RECORDS:]):
        size -= finding.size
        if texts and (characters <= 0 or size <= 0):
            break
        texts.appendleft(_render_record(finding, body_type))
        characters -= len(texts[0])
    return list(texts)


def summarize_records(findings: Sequence[Finding]) -> list[str]:
    """Format comment lines: counts by type, malformed findings, and the newest records."""
    if not findings:
        return ["# no record yet"]
    malformed = [one for one in findings if _is_malformed(one)]
    types = Counter(one.content.type or "no type" for one in findings if not _is_malformed(one))
    lines = [f"# {', '.join(f'{count} {name}' for name, count in types.most_common())}"]
    lines += [
        f"# MALFORMED: record {one.number}, {_format_problems(one)}"
        for one in malformed[:_MAX_SUMMARIZED]
    ]
    if len(malformed) > _MAX_SUMMARIZED:
        lines.append(f"# MALFORMED: {len(malformed) - _MAX_SUMMARIZED} more")
    newest = [f"{one.number} {_type_name(one)}" for one in reversed(findings[-_MAX_SUMMARIZED:])]
    lines.append(f"# the newest: {', '.join(newest)}")
    return lines if types else lines[1:]


def _render_record(finding: Finding, body_type: BodyType) -> str:
    place = f"byte {finding.offset}, {counted(finding.size, 'byte')}"
    title = f"--- # record {finding.number}, {_type_name(finding)}: {place}"
    # User interfaces may fold empty lines, so the last one holds a blank.
    return "\n".join([title, *_problem_lines(finding), _body_text(finding, body_type), " "])


def _is_malformed(finding: Finding) -> bool:
    return finding.severity == "malformed"


def _type_name(finding: Finding) -> str:
    return "MALFORMED" if _is_malformed(finding) else finding.content.type or "no type"


def _format_problems(finding: Finding) -> str:
    malformed = [one for one in finding.diagnostics if one.severity == "malformed"]
    return "; ".join(_format_problem(one, finding) for one in malformed)


def _format_problem(problem: Diagnostic, finding: Finding) -> str:
    """Format a problem and its place on one line, because a line break would end a comment."""
    offset = finding.offset if problem.start is None else problem.start
    return " ".join(f"byte {offset}: {problem.text}".splitlines())


def _problem_lines(finding: Finding) -> list[str]:
    """Format what is malformed as a key of the document, and all else as comments."""
    lines = [
        f"# {_format_problem(one, finding)}"
        for one in finding.diagnostics
        if one.severity != "malformed"
    ]
    if _is_malformed(finding):
        lines.append(f"MALFORMED: {json.encode(_format_problems(finding)).decode()}")
    return lines


def _body_text(finding: Finding, body_type: BodyType) -> str:
    if isinstance(finding, SkippedBytes) and finding.payload is None:
        return display.render_bytes(finding.data, finding.size)
    rendered = display.render_message(finding.payload or b"", body_type)
    if rendered.problem is not None:
        return rendered.text if _is_malformed(finding) else f"# {rendered.problem}\n{rendered.text}"
    text = display.truncate_text(rendered.text)
    if _is_malformed(finding):
        return f"record:\n{textwrap.indent(text, '  ')}"
    return _process_data_line(rendered.text) + text


class _ProcessData(Struct):
    type: str
    data: bytes


class _ProcessOutput(Struct):
    data: _ProcessData


class _Attached(Struct):
    process_io: _ProcessOutput


class _AttachInputCall(Struct):
    attach_container_input: _Attached


_OUTPUT = json.Decoder(_ProcessOutput)
_INPUT = json.Decoder(_AttachInputCall)


def _process_data_line(text: str) -> str:
    """Format the input or output of a process, which a message holds as base64, as a comment."""
    if (process_data := _parse_process_data(text)) is None:
        return ""
    characters = process_data.data.decode(errors="backslashreplace")
    more = " …" if len(characters) > _MAX_PROCESS_CHARACTERS else ""
    shown = json.encode(characters[:_MAX_PROCESS_CHARACTERS]).decode()
    return f"# {process_data.type} {shown}{more}\n"


def _parse_process_data(text: str) -> _ProcessData | None:
    with contextlib.suppress(msgspec.DecodeError):
        return _OUTPUT.decode(text).data
    with contextlib.suppress(msgspec.DecodeError):
        return _INPUT.decode(text).attach_container_input.process_io.data
    return None
