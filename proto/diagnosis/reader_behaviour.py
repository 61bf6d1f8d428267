"""What three readers do at a malformed piece: a strict one, and the two of Mesos.

`strict` takes decimal digits and refuses the rest, and knows when a stream ends too early. `cpp` is
Mesos's decoder in libprocess and its agents (stout/recordio.hpp), `python` that of Mesos's command
line (src/python/lib/mesos/recordio.py). Neither has a limit, and both fail for good.
"""

from msgspec import Struct

from .findings import Finding, SkippedBytes, ValidRecord
from .length_dialects import parse_length_cpp, parse_length_python, parse_length_strict


class ReaderReactions(Struct, frozen=True):
    """What each of the readers does, in words."""

    strict: str
    cpp: str
    python: str


def reader_reactions(finding: Finding) -> ReaderReactions | None:
    """Tell what readers do at a piece; None if they all take it."""
    if finding.severity != "malformed":
        return None
    if isinstance(finding, ValidRecord):
        return _at_content(finding)
    if finding.diagnostics[0].reason == "truncated-length":
        silent = "drops what is left, and says nothing"
        return ReaderReactions("fails: the stream ends inside a length", silent, silent)
    return _at_length(finding)


def _at_content(finding: ValidRecord) -> ReaderReactions:
    python_side = "raises what its JSON parser raises, and AssertionError ever after"
    if finding.diagnostics[0].reason in ("no-type", "wrong-server", "missing-field", "not-message"):
        python_side = "gives the record to its user, if it is JSON"
    return ReaderReactions(
        "gives the record to its user, who cannot read it",
        "gives the record to its user, who cannot read it",
        python_side,
    )


def _at_length(finding: SkippedBytes) -> ReaderReactions:
    line = finding.length_line
    return ReaderReactions(
        _strictly(finding),
        _of(
            parse_length_cpp(line),
            finding,
            "fails for good, and loses the records before it of the same read",
        ),
        _of(parse_length_python(line), finding, "fails for good: MesosException"),
    )


def _strictly(finding: SkippedBytes) -> str:
    remark = finding.diagnostics[0]
    match remark.reason:
        case "over-limit":
            return f"fails: {remark.text}"
        case "truncated-record" if remark.text.startswith("the stream ends"):
            return f"fails: {remark.text}"
        case _:
            return _of(
                parse_length_strict(finding.length_line),
                finding,
                "fails: this is no length",
            )


def _of(length: int | None, finding: SkippedBytes, failure: str) -> str:
    if length is None:
        return failure
    if length == 0:
        return "takes an empty record, and reads on behind the newline"
    held = finding.size - len(finding.length_line) - 1
    if length == held:
        return f"takes a record of {length} bytes, and goes on"
    if length >= 1 << 32:
        return f"waits for {length} bytes: what follows is swallowed"
    if finding.diagnostics[0].text.startswith("the stream ends"):
        return f"waits for {length} bytes: drops what is left, and says nothing"
    return f"takes {length} bytes for the record, and looks for a length behind them"
