"""What three readers do at a malformed piece: a strict one, and the two of Mesos.

`strict` takes decimal digits and refuses the rest, and knows when a stream ends too early. `cpp` is
Mesos's decoder in libprocess and its agents (stout/recordio.hpp), `python` that of Mesos's command
line (src/python/lib/mesos/recordio.py). Neither has a limit, and both fail for good.
"""

from msgspec import Struct

from . import length_errors
from .findings import Finding, Skipped, Sound
from .length_dialects import cpp, python


class Reactions(Struct, frozen=True):
    """What each of the readers does, in words."""

    strict: str
    cpp: str
    python: str


def reactions(finding: Finding) -> Reactions | None:
    """Tell what readers do at a piece; None if they all take it."""
    if finding.level != "malformed":
        return None
    if isinstance(finding, Sound):
        return _at_content(finding)
    if finding.remarks[0].reason == "truncated-length":
        silent = "drops what is left, and says nothing"
        return Reactions("fails: the stream ends inside a length", silent, silent)
    return _at_length(finding)


def _at_content(finding: Sound) -> Reactions:
    python_side = "raises what its JSON parser raises, and AssertionError ever after"
    if finding.remarks[0].reason in ("no-type", "wrong-server", "missing-field", "not-message"):
        python_side = "gives the record to its user, if it is JSON"
    return Reactions(
        "gives the record to its user, who cannot read it",
        "gives the record to its user, who cannot read it",
        python_side,
    )


def _at_length(finding: Skipped) -> Reactions:
    line = finding.line
    return Reactions(
        _strictly(finding),
        _of(cpp(line), finding, "fails for good, and loses the records before it of the same read"),
        _of(python(line), finding, "fails for good: MesosException"),
    )


def _strictly(finding: Skipped) -> str:
    remark = finding.remarks[0]
    match remark.reason:
        case "over-limit":
            return f"fails: {remark.text}"
        case "truncated-record" if remark.text.startswith("the stream ends"):
            return f"fails: {remark.text}"
        case _:
            return _of(length_errors.length(finding.line), finding, "fails: this is no length")


def _of(length: int | None, finding: Skipped, failure: str) -> str:
    if length is None:
        return failure
    if length == 0:
        return "takes an empty record, and reads on behind the newline"
    held = finding.size - len(finding.line) - 1
    if length == held:
        return f"takes a record of {length} bytes, and goes on"
    if length >= 1 << 32:
        return f"waits for {length} bytes: what follows is swallowed"
    if finding.remarks[0].text.startswith("the stream ends"):
        return f"waits for {length} bytes: drops what is left, and says nothing"
    return f"takes {length} bytes for the record, and looks for a length behind them"
