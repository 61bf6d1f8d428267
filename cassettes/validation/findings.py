"""What can be found in a cassette, and what follows from it.

    error        the cassette contradicts itself: it is not played
    malformed    a message that readers refuse: it is played as it is, with a warning
    warning      worth knowing: it is played, with a warning

A finding has the line of the fault and, if it concerns one exchange, the number of that:

    master.yaml:41: event 4 of exchange 2: at 0.5 is before event 3 (at 0.9)
"""

from pathlib import Path
from typing import Literal, NamedTuple

from msgspec import Struct

from ...proto.shown_text import escape_line, quote_start

_MAX_CHARACTERS = 500
"""Of the text of a finding when it is described."""

type Level = Literal["error", "malformed", "warning"]


class FindingKind(NamedTuple):
    """The level of a finding, its meaning, and what `validate --fix` does; empty: nothing."""

    level: Level
    meaning: str
    fix: str = ""


FINDING_KINDS: dict[str, FindingKind] = {
    # The file and its documents.
    "document": FindingKind("error", "a document is not YAML, or its keys or values are wrong"),
    "conflict-mark": FindingKind("error", "git left the marks of a merge conflict"),
    "second-header": FindingKind("error", "two cassettes are in one file"),
    "cut-off": FindingKind(
        "warning",
        "a document has no end mark `...`, or is damaged, and is left out",
        "at the end of the file, removes it",
    ),
    "no-server": FindingKind(
        "warning", "the header has no `server`, so the calls of an API cannot be decoded"
    ),
    # Documents that contradict each other.
    "number-twice": FindingKind(
        "error",
        "two exchanges have one number, as after a merge that kept both sides",
        "numbers exchanges and connections anew, in the order of time",
    ),
    "exchange-order": FindingKind(
        "warning",
        "an exchange began before one with a lower number",
        "numbers exchanges anew, in the order of time",
    ),
    "unknown-exchange": FindingKind("error", "records or an end are of no exchange of the file"),
    "unfinished-request": FindingKind(
        "warning", "records of a client are of no exchange: the recorder stopped before the answer"
    ),
    "not-a-stream": FindingKind("error", "records are of an exchange whose body is not a stream"),
    "event-order": FindingKind(
        "error",
        "an event has the number of an earlier one, or a lower one",
        "numbers the events anew, if their times are in order",
    ),
    "event-gap": FindingKind("warning", "numbers of events are missing", "numbers the events anew"),
    "after-end": FindingKind("error", "an event comes after the end of its stream"),
    "end-twice": FindingKind(
        "error", "a stream ends twice", "removes the second end, if it equals the first"
    ),
    "time-backwards": FindingKind(
        "error", "an event, a chunk or an end is earlier than what precedes it"
    ),
    "before-exchange": FindingKind("error", "a stream begins before the request of its exchange"),
    "unknown-note": FindingKind("warning", "a note is about no exchange of the file"),
    # Heads.
    "head": FindingKind("error", "a method, path, reason or header cannot be sent"),
    "status": FindingKind(
        "error", "a status cannot be sent, or contradicts the body, or is missing"
    ),
    "two-bodies": FindingKind("error", "a request or response is a stream, and has a body too"),
    "encoding": FindingKind(
        "error", "a body is in the other encoding than the Content-Type of its head"
    ),
    # Bodies.
    "body": FindingKind("error", "a body under `json` or `proto` cannot be converted to bytes"),
    "omitted": FindingKind("warning", "a body was too large to be recorded, and cannot be played"),
    "lost-field": FindingKind("error", "a message under `proto` has a field that the schema lacks"),
    "missing-field": FindingKind("malformed", "a message lacks a required field"),
    "not-message": FindingKind("malformed", "a value has not the type of its field"),
    "not-json": FindingKind("malformed", "text is not JSON although its head says so"),
    "wrong-server": FindingKind("malformed", "a message is one of the other kind of server"),
    "no-type": FindingKind("malformed", "a message has no type"),
    "plain-json": FindingKind("malformed", "the answer to a call is no stream, but should be one"),
    "unknown-field": FindingKind("warning", "JSON has a field that the schema lacks"),
    "unknown-enum": FindingKind("warning", "an enum has a value that the schema lacks"),
}
"""All findings, by their code."""


class CassetteFinding(Struct, frozen=True, kw_only=True):
    """One finding. `line` counts from 1 in the file; `advice` is the way out, if there is one."""

    code: str
    line: int
    text: str
    exchange: int | None = None
    advice: str = ""

    @property
    def level(self) -> Level:
        """The level of its kind."""
        return FINDING_KINDS[self.code].level

    def describe(self, path: Path | str) -> str:
        """Return `file:line: text`, with the advice."""
        text = quote_start(self.text, _MAX_CHARACTERS)
        advice = f"; {self.advice}" if self.advice else ""
        return escape_line(f"{path}:{self.line}: {text}{advice}")
