"""The kinds of faults that a replay can make, as a table for the code and for people.

A fault of a record strikes records of a stream, one of a call strikes the call or its whole answer.
What each resembles is from src/master/http.cpp, src/master/master.cpp, src/common/recordio.hpp and
libprocess's src/process.cpp and src/http_proxy.cpp.
"""

from typing import Literal

from msgspec import Struct

type FaultScope = Literal["record", "call"]
type FaultUnit = Literal["SECONDS", "BYTES", "DIGITS", "LENGTH", "+N|-N", "HOST:PORT"]

HUGE_LENGTH = 1 << 40
"""Bytes. More than any client should make room for."""


class FaultKind(Struct, frozen=True, kw_only=True):
    """What a fault does, as its client sees it, and what situation of a cluster that resembles.

    It may have a value of a `unit`; without one, `default` counts, and if that is None too, the
    seed decides, or what `sees` says.
    """

    name: str
    scope: FaultScope
    client_effect: str
    resembles: str
    unit: FaultUnit | None = None
    default: float | str | None = None
    is_value_required: bool = False

    @property
    def usage(self) -> str:
        """How it is written."""
        if self.unit is None:
            return self.name
        return (
            f"{self.name}={self.unit}" if self.is_value_required else f"{self.name}[={self.unit}]"
        )


_OF_RECORDS = (
    FaultKind(
        name="cut-length",
        scope="record",
        unit="DIGITS",
        client_effect="The connection is closed after DIGITS digits of the record's length.",
        resembles="A master that dies while it writes.",
    ),
    FaultKind(
        name="cut-record",
        scope="record",
        unit="BYTES",
        client_effect="The connection is closed after BYTES bytes of the record.",
        resembles="A master that dies while it writes a large record.",
    ),
    FaultKind(
        name="wrong-length",
        scope="record",
        unit="+N|-N",
        default=1,
        client_effect=(
            "The length is N more (1) or less than the record has; nothing fits from there on."
        ),
        resembles="A proxy that changes bodies, or lengths counted in characters.",
    ),
    FaultKind(
        name="huge-length",
        scope="record",
        unit="LENGTH",
        default=HUGE_LENGTH,
        client_effect="The length is LENGTH (2^40); the stream goes on as if it were right.",
        resembles="Other bytes that a client takes for a length.",
    ),
    FaultKind(
        name="garbage",
        scope="record",
        unit="BYTES",
        default=16,
        client_effect="BYTES bytes (16) that are no record come before the record.",
        resembles="The raw 500 that libprocess writes into a stream that fails.",
    ),
    FaultKind(
        name="drop",
        scope="record",
        client_effect="The record does not come.",
        resembles="Updates of a task that ended while its agent was away: nobody is told.",
    ),
    FaultKind(
        name="duplicate",
        scope="record",
        client_effect="The record comes twice.",
        resembles="An agent that comes back: its AGENT_ADDED and TASK_ADDED come again.",
    ),
    FaultKind(
        name="reorder",
        scope="record",
        client_effect="The record comes behind the one that follows it.",
        resembles="Events on the way through several actors, which overtake each other.",
    ),
    FaultKind(
        name="no-heartbeats",
        scope="record",
        client_effect="From this record on no heartbeat comes; all else does.",
        resembles="A connection that is half open: a client has to give it up.",
    ),
    FaultKind(
        name="stall",
        scope="record",
        unit="SECONDS",
        client_effect="Nothing comes for SECONDS before the record; without SECONDS, never again.",
        resembles="A partition, or a master that is busy.",
    ),
    FaultKind(
        name="trickle",
        scope="record",
        unit="SECONDS",
        default=0.001,
        client_effect=(
            "The record comes byte by byte, SECONDS (0.001) apart, each in a chunk and a write."
        ),
        resembles="A slow or lossy network.",
    ),
    FaultKind(
        name="end",
        scope="record",
        client_effect="The stream ends before the record, with a final chunk.",
        resembles="A subscriber that is put out: the oldest of more than 1000, or a failover.",
    ),
    FaultKind(
        name="close",
        scope="record",
        client_effect="The connection is closed before the record, without a final chunk.",
        resembles="A master that dies or loses its leadership.",
    ),
    FaultKind(
        name="reset",
        scope="record",
        client_effect="The connection is reset before the record (TCP RST).",
        resembles="A machine that went down, or a firewall that forgot the connection.",
    ),
)

_OF_CALLS = (
    FaultKind(
        name="503",
        scope="call",
        client_effect="503 Service Unavailable, as Mesos says it. The call is not taken.",
        resembles="No leader is elected, or an agent recovers.",
    ),
    FaultKind(
        name="307",
        scope="call",
        unit="HOST:PORT",
        client_effect="307 to HOST:PORT, or to where the call came in. The call is not taken.",
        resembles="Another master leads.",
    ),
    FaultKind(
        name="lost-call",
        scope="call",
        client_effect="The connection is reset. The call is not taken: to make it again is right.",
        resembles="A connection that breaks before the call arrives.",
    ),
    FaultKind(
        name="lost-answer",
        scope="call",
        client_effect=(
            "The connection is reset. The call is taken: to make it again is once too often."
        ),
        resembles="A connection that breaks after the call has arrived.",
    ),
    FaultKind(
        name="cut-answer",
        scope="call",
        unit="BYTES",
        client_effect=(
            "The connection is closed after BYTES bytes of the answer's body. Not of streams."
        ),
        resembles="A master that dies while it answers.",
    ),
    FaultKind(
        name="empty-answer",
        scope="call",
        client_effect="The answer has its status and no body. Not of streams.",
        resembles="A proxy between, or a file that is not there (404 of READ_FILE).",
    ),
    FaultKind(
        name="late",
        scope="call",
        unit="SECONDS",
        is_value_required=True,
        client_effect="The answer, or the head of the stream, comes SECONDS later.",
        resembles="A master that is busy with a large state.",
    ),
)

FAULT_KINDS = {kind.name: kind for kind in (*_OF_RECORDS, *_OF_CALLS)}
"""By name, in the order in which they are told."""

PREEMPTIVE_FAULTS = frozenset({"503", "307", "lost-call"})
"""What strikes a call before it is taken, so that no recorded answer is used up."""

BODIES = frozenset({"cut-answer", "empty-answer"})
"""What strikes the body of a whole answer, and so no stream."""
