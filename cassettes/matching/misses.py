"""Misses: a request that the cassette does not answer, and what would have come near.

As text, for people and test failures:

    no recorded answer: POST /api/v1/scheduler, scheduler call ACCEPT: differs
      nearest: exchange 7, scheduler call ACCEPT
          accept.offer_ids[0].value: "b5ed-O6" → "b5ed-O7"
      what to do: …
      or: …

`report()` says the same as JSON. Every path reads *recorded → received*.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from ..answers.answer import ReplayResponse, StreamedResponse

type MissReason = Literal[
    "nothing recorded for this call", "already played", "differs", "actor message"
]

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
    "actor message": (
        "Libprocess messages between Mesos processes share the port and are never recorded. "
        "Point only HTTP API clients at a replay."
    ),
}

_ABSENT = "(absent)"


class Difference(Struct, frozen=True):
    """One field, header or part of the request; None is absent."""

    path: str
    recorded: str | None
    received: str | None

    def __str__(self) -> str:
        recorded, received = (
            _ABSENT if text is None else text for text in (self.recorded, self.received)
        )
        return f"{self.path}: {recorded} → {received}"


class NearMiss(Struct, frozen=True, kw_only=True):
    """A recorded exchange that came near; `more` differences are not listed."""

    exchange: int
    what: str
    played: bool
    differences: tuple[Difference, ...] = ()
    more: int = 0

    def __str__(self) -> str:
        played = ", already played" if self.played else ""
        lines = [f"nearest: exchange {self.exchange}, {self.what}{played}"]
        lines += [f"    {difference}" for difference in self.differences]
        if self.more:
            lines.append(f"    and {self.more} more")
        return "\n  ".join(lines)


class Miss(Struct, frozen=True, kw_only=True):
    """A request without an answer. `what` names the call, or is None for a plain request.

    `option` is a sentence about the option of a replay that would give it one, if there is any.
    """

    reason: MissReason
    method: str
    path: str
    what: str | None
    nearest: tuple[NearMiss, ...] = ()
    option: str | None = None

    @property
    def advice(self) -> str:
        """What to do."""
        advice = _ADVICE[self.reason]
        return advice if self.option is None else f"{advice} {self.option}"

    def __str__(self) -> str:
        call = "" if self.what is None else f", {self.what}"
        lines = [f"no recorded answer: {self.method} {self.path}{call}: {self.reason}"]
        lines += [str(near) for near in self.nearest]
        lines.append(f"what to do: {_ADVICE[self.reason]}")
        lines += [] if self.option is None else [f"or: {self.option}"]
        return "\n  ".join(lines)

    def to_json(self) -> bytes:
        """Render as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2) + b"\n"

    def to_dict(self) -> dict[str, object]:
        """Give what the report holds."""
        return {
            "miss": self.reason,
            "request": {"method": self.method, "path": self.path, "call": self.what},
            "nearest": self.nearest,
            "advice": self.advice,
        }


type ReplayOutcome = ReplayResponse | StreamedResponse | Miss
"""The result of a request at replay."""
