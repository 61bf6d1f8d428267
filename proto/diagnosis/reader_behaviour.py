"""The behaviour of three readers at a malformed finding: a strict one, and the two of Mesos.

`strict` accepts decimal digits alone, and fails if the stream ends too early. `cpp` is Mesos's
decoder in libprocess and in its agents (stout/recordio.hpp), `python` that of Mesos's command line
(src/python/lib/mesos/recordio.py). Both have no limit, and after a failure they stay failed.
"""

from msgspec import Struct

from ..counted import counted
from .findings import Finding, SkippedBytes, ValidRecord
from .length_dialects import parse_length_cpp, parse_length_python, parse_length_strict

_DROPS_SILENTLY = "drops the rest without an error"
_UNREADABLE = "passes on the record, which its user cannot read"
_CONTENT_REASONS = ("no-type", "wrong-server", "missing-field", "not-message")


class ReaderReactions(Struct, frozen=True):
    """The behaviour of each reader, in words."""

    strict: str
    cpp: str
    python: str


def reader_reactions(finding: Finding) -> ReaderReactions | None:
    """Return what readers do at a finding; None if all of them accept it."""
    if finding.severity != "malformed":
        return None
    if isinstance(finding, ValidRecord):
        python = "raises the error of its JSON parser, then AssertionError at each call"
        if finding.diagnostics[0].reason in _CONTENT_REASONS:
            python = "passes the record to its user, if it is JSON"
        return ReaderReactions(_UNREADABLE, _UNREADABLE, python)
    if finding.diagnostics[0].reason == "truncated-length":
        strict = "fails: the stream ends inside a length"
        return ReaderReactions(strict, _DROPS_SILENTLY, _DROPS_SILENTLY)
    line = finding.length_line
    cpp_failure = "fails permanently, and loses the records before it in the same read"
    return ReaderReactions(
        _strict_reaction(finding),
        _reaction(parse_length_cpp(line), finding, cpp_failure),
        _reaction(parse_length_python(line), finding, "fails permanently: MesosException"),
    )


def _strict_reaction(finding: SkippedBytes) -> str:
    problem = finding.diagnostics[0]
    if finding.is_cut_off or problem.reason == "over-limit":
        return f"fails: {problem.text}"
    length = parse_length_strict(finding.length_line)
    return _reaction(length, finding, "fails: this is no length")


def _reaction(length: int | None, finding: SkippedBytes, failure: str) -> str:
    """Return what a reader does with the length that it parsed, None if it failed."""
    if length is None:
        return failure
    if length == 0:
        return "reads an empty record, and goes on after the newline"
    if length == finding.size - len(finding.length_line) - 1:
        return f"reads a record of {counted(length, 'byte')}, and goes on"
    if length >= 1 << 32:
        return f"waits for {counted(length, 'byte')}, and swallows all that follows"
    if finding.is_cut_off:
        return f"waits for {counted(length, 'byte')}: {_DROPS_SILENTLY}"
    return f"reads {counted(length, 'byte')} as the record, and expects a length after them"
