"""The kinds of faults that a replay can make, as a table for the code and for people.

A fault of records hits records of a stream; one of calls hits a call or its whole answer. The
situations that they resemble are from src/master/http.cpp, src/master/master.cpp,
src/common/recordio.hpp, and libprocess's src/process.cpp and src/http_proxy.cpp.
"""

from typing import Literal

from msgspec import Struct

type FaultScope = Literal["record", "call"]
type FaultUnit = Literal["SECONDS", "BYTES", "DIGITS", "LENGTH", "+N|-N", "HOST:PORT"]

HUGE_LENGTH = 1 << 40
"""Bytes; more than any client should allocate."""


class FaultKind(Struct, frozen=True, kw_only=True):
    """A kind of fault: what its client sees, and the situation of a cluster that it resembles.

    It may have a value, in a `unit`. Without a value the default is used; if that is None, the seed
    decides, or the fault does what `client_effect` says.
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
        """Return the syntax of the fault, like `stall[=SECONDS]`."""
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
            "The length is N more (1) or less than it should be; framing is lost from there on."
        ),
        resembles="A proxy that changes bodies, or lengths counted in characters.",
    ),
    FaultKind(
        name="huge-length",
        scope="record",
        unit="LENGTH",
        default=HUGE_LENGTH,
        client_effect="The length is LENGTH (2^40); the stream goes on as if it were correct.",
        resembles="Other bytes that a client takes for a length.",
    ),
    FaultKind(
        name="garbage",
        scope="record",
        unit="BYTES",
        default=16,
        client_effect="BYTES bytes (16) that are no record are sent before the record.",
        resembles="The raw 500 that libprocess writes into a stream that fails.",
    ),
    FaultKind(
        name="drop",
        scope="record",
        client_effect="The record is not sent.",
        resembles="Updates of a task that ended while its agent was away: none is sent.",
    ),
    FaultKind(
        name="duplicate",
        scope="record",
        client_effect="The record is sent twice.",
        resembles="An agent that comes back: its AGENT_ADDED and TASK_ADDED are sent again.",
    ),
    FaultKind(
        name="reorder",
        scope="record",
        client_effect="The record is sent after the one that follows it.",
        resembles="Events that pass through several actors and overtake each other.",
    ),
    FaultKind(
        name="no-heartbeats",
        scope="record",
        client_effect="No heartbeats are sent from this record on; everything else is.",
        resembles="A half-open connection, which the client has to give up.",
    ),
    FaultKind(
        name="stall",
        scope="record",
        unit="SECONDS",
        client_effect=(
            "Nothing is sent for SECONDS before the record; without SECONDS, nothing follows."
        ),
        resembles="A partition, or a master that is busy.",
    ),
    FaultKind(
        name="trickle",
        scope="record",
        unit="SECONDS",
        default=0.001,
        client_effect=(
            "The record is sent byte by byte, SECONDS (0.001) apart, each in a chunk and a write."
        ),
        resembles="A slow or lossy network.",
    ),
    FaultKind(
        name="end",
        scope="record",
        client_effect="The stream ends before the record, with a final chunk.",
        resembles="A subscriber that is disconnected: the oldest of more than 1000, or a failover.",
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
        resembles="A machine that went down, or a firewall that dropped the connection.",
    ),
)

_OF_CALLS = (
    FaultKind(
        name="503",
        scope="call",
        client_effect="503 Service Unavailable, with the text of Mesos. The call is not processed.",
        resembles="A master without a leader, or an agent that recovers.",
    ),
    FaultKind(
        name="307",
        scope="call",
        unit="HOST:PORT",
        client_effect="307 to HOST:PORT, or to the replay itself. The call is not processed.",
        resembles="Another master leads.",
    ),
    FaultKind(
        name="lost-call",
        scope="call",
        client_effect="The connection is reset. The call is not processed: to repeat it is right.",
        resembles="A connection that breaks before the call arrives.",
    ),
    FaultKind(
        name="lost-answer",
        scope="call",
        client_effect=("The connection is reset. The call is processed: to repeat it is wrong."),
        resembles="A connection that breaks after the call has arrived.",
    ),
    FaultKind(
        name="cut-answer",
        scope="call",
        unit="BYTES",
        client_effect=(
            "The connection is closed after BYTES bytes of the answer's body. Not for streams."
        ),
        resembles="A master that dies while it answers.",
    ),
    FaultKind(
        name="empty-answer",
        scope="call",
        client_effect="The answer has its status and no body. Not for streams.",
        resembles="A proxy in between, or a missing file (404 of READ_FILE).",
    ),
    FaultKind(
        name="late",
        scope="call",
        unit="SECONDS",
        is_value_required=True,
        client_effect="The answer, or the head of the stream, is sent SECONDS later.",
        resembles="A master that is busy with a large state.",
    ),
)

FAULT_KINDS = {kind.name: kind for kind in (*_OF_RECORDS, *_OF_CALLS)}
"""By name, in the order in which they are listed."""

LOSING_FAULTS = frozenset(
    {
        *("cut-length", "cut-record", "wrong-length", "huge-length", "garbage"),
        *("drop", "stall", "end", "close", "reset"),
    }
)
"""Faults of records after which a client lacks records of the stream, or may lack them."""

PREEMPTIVE_FAULTS = frozenset({"503", "307", "lost-call"})
"""Faults that hit a call before it is processed, so that no recorded answer is used up."""
