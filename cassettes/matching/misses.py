"""Misses: requests that the cassette does not answer, and the recorded exchanges nearest to them.

As text, for people and test failures:

    no recorded answer: POST /api/v1/scheduler, scheduler call ACCEPT: differs
      nearest: exchange 7, scheduler call ACCEPT
          accept.offer_ids[0].value: "b5ed-O6" → "b5ed-O7"
      what to do: …
      or: …
      to record: mesotape record …

`to_json()` has the same as JSON. Every difference reads *recorded → received*. The text is made of
lines of spans with styles, which a terminal can show as colours.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from ...proto.shown_text import escape_json, escape_line
from ..answers.answer import ReplayResponse, StreamedResponse

type MissReason = Literal[
    "nothing recorded for this call",
    "already played",
    "differs",
    "actor message",
    "client left",
    "not subscribed",
    "no stream id",
    "another stream id",
]

type SpanStyle = Literal[
    "plain", "error", "label", "nearest", "nearest-played", "path", "recorded", "arrow", "received"
]
type ReportLine = list[tuple[str, SpanStyle]]
"""A line of a report as spans: a text and its style."""

_ADVICE: dict[MissReason, str] = {
    "nothing recorded for this call": (
        "Record a session in which the client makes this call, or keep the client from making it."
    ),
    "already played": (
        "Every recorded answer to this request was given. "
        "Record a session in which the client makes it as often."
    ),
    "differs": (
        "Make the client send what was recorded, edit the recorded request in the cassette, "
        "or record again."
    ),
    "client left": (
        "The recorded client left before this call was answered, so its answer is not known. "
        "Let the client leave too, or record again and let it wait."
    ),
    "not subscribed": (
        "The client has no open subscription in this replay. "
        "Let it send SUBSCRIBE first, and keep that stream open."
    ),
    "no stream id": (
        "Let the client send the Mesos-Stream-Id that it got with the answer to its SUBSCRIBE."
    ),
    "another stream id": (
        "Let the client send the Mesos-Stream-Id that it got with the answer to its latest "
        "SUBSCRIBE: in this replay, not in another one."
    ),
    "actor message": (
        "Libprocess messages between Mesos processes share the port and are never recorded. "
        "Point only HTTP API clients at a replay."
    ),
}

_ABSENT = "(absent)"


class Difference(Struct, frozen=True):
    """One field, header or part of a request, as recorded and as received; None if absent."""

    path: str
    recorded: str | None
    received: str | None

    def report_line(self) -> ReportLine:
        """Format the difference as spans."""
        return [
            (f"{self.path}: ", "path"),
            (_ABSENT if self.recorded is None else self.recorded, "recorded"),
            (" → ", "arrow"),
            (_ABSENT if self.received is None else self.received, "received"),
        ]

    def __str__(self) -> str:
        return format_report([self.report_line()])


class NearMiss(Struct, frozen=True, kw_only=True, rename={"description": "what"}):
    """A recorded exchange that is similar to a request without an answer.

    `description` names its call, or has its method and path; in JSON it is `what`. `more` counts
    further differences.
    """

    exchange: int
    description: str
    played: bool
    differences: tuple[Difference, ...] = ()
    more: int = 0

    def report_lines(self) -> Iterator[ReportLine]:
        """Format the exchange and its differences as lines of spans."""
        text = f"  nearest: exchange {self.exchange}, {self.description}"
        if self.played:
            yield [(f"{text}, already played", "nearest-played")]
        else:
            yield [(text, "nearest")]
        for difference in self.differences:
            yield [("      ", "plain"), *difference.report_line()]
        if self.more:
            yield [(f"      and {self.more} more", "plain")]


class Miss(Struct, frozen=True, kw_only=True):
    """A request without an answer. `call` names its call, or is None for a plain request.

    `option` is a sentence that names the option of a replay with which the nearest exchange would
    be the answer, if there is one, and `recording` the command that records an answer.
    """

    reason: MissReason
    method: str
    path: str
    call: str | None
    nearest: tuple[NearMiss, ...] = ()
    option: str | None = None
    recording: str | None = None

    @property
    def advice(self) -> str:
        """Advice for the user, in one to four sentences."""
        recording = None if self.recording is None else f"To record: {self.recording}"
        return " ".join(filter(None, (_ADVICE[self.reason], self.option, recording)))

    def report_lines(self) -> Iterator[ReportLine]:
        """Format the report as lines of spans."""
        call = "" if self.call is None else f", {self.call}"
        request = f" {self.method} {self.path}{call}: {self.reason}"
        yield [("no recorded answer:", "error"), (request, "plain")]
        for near in self.nearest:
            yield from near.report_lines()
        yield [("  what to do:", "label"), (f" {_ADVICE[self.reason]}", "plain")]
        if self.option is not None:
            yield [("  or:", "label"), (f" {self.option}", "plain")]
        if self.recording is not None:
            yield [("  to record:", "label"), (f" {self.recording}", "plain")]

    def __str__(self) -> str:
        return format_report(self.report_lines())

    def to_json(self) -> bytes:
        """Return the report as indented JSON."""
        text = msgspec.json.format(msgspec.json.encode(self.to_dict()).decode(), indent=2)
        return f"{escape_json(text)}\n".encode()

    def to_dict(self) -> dict[str, object]:
        """Return the report as the JSON object has it."""
        return {
            "miss": self.reason,
            "request": {"method": self.method, "path": self.path, "call": self.call},
            "nearest": self.nearest,
            "advice": self.advice,
        }


def format_report(lines: Iterable[ReportLine]) -> str:
    """Return a report as plain text."""
    return "\n".join("".join(escape_line(text) for text, _ in line) for line in lines)


type ReplayOutcome = ReplayResponse | StreamedResponse | Miss
"""The result of a request at replay."""
