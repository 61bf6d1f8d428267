"""The states of a stream that is sent, and how they follow each other.

    begin, a latch opens, other steps    -> UNTIL_DUE, or IDLE without a next step
    the client reads, the user releases  -> UNTIL_DUE
    the step is due, and
        the connection is closed         -> IDLE, until `stop` is called
        the client leaves much unread    -> UNTIL_READ
        the stream is on hold            -> UNTIL_RELEASED
        it is a latch that is not open   -> UNTIL_OPEN
        it is an ending                  -> OVER
        else it and the next are sent    -> UNTIL_DUE, or IDLE without a next step
    the client leaves                    -> OVER

A hold is a time instead of a state, because the user may hold and release in every state; it
matters only when a step is due.
"""

from enum import Enum, auto


class SendState(Enum):
    """The condition that a stream waits for before it sends its next step.

    `UNTIL_DUE`: the deadline of the step; in this state only, the stream is in the schedule.
    `UNTIL_OPEN`: a latch; the step is a `WaitFor`, and due.
    `UNTIL_READ`: the client, which has left too much unread.
    `UNTIL_RELEASED`: the user, who has put the stream on hold; the step is due.
    `IDLE`: nothing; there is no next step, and the stream stays open.
    `OVER`: nothing; the stream has ended, or its client has left.
    """

    IDLE = auto()
    UNTIL_DUE = auto()
    UNTIL_OPEN = auto()
    UNTIL_READ = auto()
    UNTIL_RELEASED = auto()
    OVER = auto()


_IDLE, _UNTIL_DUE, _UNTIL_OPEN, _UNTIL_READ, _UNTIL_RELEASED, _OVER = SendState

TRANSITIONS: dict[SendState, tuple[SendState, ...]] = {
    _IDLE: (_IDLE, _UNTIL_DUE, _OVER),
    _UNTIL_DUE: tuple(SendState),
    _UNTIL_OPEN: (_IDLE, _UNTIL_DUE, _OVER),
    _UNTIL_READ: (_IDLE, _UNTIL_DUE, _OVER),
    _UNTIL_RELEASED: (_IDLE, _UNTIL_DUE, _OVER),
    _OVER: (),
}
"""The states that may follow each state."""
