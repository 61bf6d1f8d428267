"""Connections: which recorded connection each connection of a replay stands for.

Several clients may send equal requests, and each is to get what its recorded counterpart got. The
other requests on the same connection tell which one that is:

    recorded   1: GET_VERSION, GET_STATE → a    2: GET_STATE → b
    replayed   x: GET_STATE → b                 y: GET_VERSION, GET_STATE → a

A connection claims the recorded connections whose exchanges it has played, until it closes; no
other connection can claim them until then. A connection that has played nothing yet does not stand
for one that began with another request. If that leaves a choice, the order of the recording
decides.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import chain

from msgspec import Struct

from ...proto.http.request import HttpRequest

_MAX_CLAIMS = 16
"""Recorded connections that one connection claims, the latest ones. A client with one keep-alive
connection may replay what many short connections recorded."""


class RecordedConnection(Struct, frozen=True):
    """A recorded connection: the cassette by its position in the list, and the client's number."""

    cassette: int
    client: int


class ClientHints(Struct, frozen=True):
    """Headers by which a client can be recognised; None if the request lacks the header."""

    stream_id: str | None = None
    user_agent: str | None = None


NO_HINTS = ClientHints()

NOT_RECORDED = "\0"
"""A hint that does not count; no header has this value."""

BEST_RANK = (False, False, False, False, False)
"""The smallest `ConnectionMap.mismatch_rank`."""

BEST_UNCLAIMED_RANK = (False, True, False, False, False)
"""The smallest rank of an exchange on a recorded connection that the client has not claimed."""


def client_hints(request: HttpRequest) -> ClientHints:
    """Return the headers of a request by which its client can be recognised."""
    values = request.headers_by_name
    return _decode_hints(values.get(b"mesos-stream-id"), values.get(b"user-agent"))


@lru_cache(maxsize=256)
def _decode_hints(stream_id: bytes | None, user_agent: bytes | None) -> ClientHints:
    return ClientHints(
        None if stream_id is None else stream_id.decode("latin-1"),
        None if user_agent is None else user_agent.decode("latin-1"),
    )


class ConnectionStep(Struct, frozen=True, eq=False):
    """The position of a recorded exchange: its connection, and how many came before it there."""

    connection: RecordedConnection
    before: int = 0
    hints: ClientHints = NO_HINTS


class ConnectionNumbers:
    """A number for each recorded connection, in memory that several processes share; 0 is none."""

    def __init__(self, indexes: Mapping[RecordedConnection, int], column: memoryview) -> None:
        self._indexes = indexes
        self._column = column

    def get(self, recorded: RecordedConnection, default: int = 0) -> int:
        """Return the number of a connection; `default` if it has none."""
        return self._column[self._indexes[recorded]] or default

    def __setitem__(self, recorded: RecordedConnection, number: int) -> None:
        self._column[self._indexes[recorded]] = number

    def __delitem__(self, recorded: RecordedConnection) -> None:
        self[recorded] = 0


class ConnectionMap:
    """Which connection has played what. Connections are numbers; 0 is an unknown connection."""

    def __init__(self) -> None:
        self._claims = defaultdict[int, dict[RecordedConnection, None]](dict)
        self._claimant: dict[RecordedConnection, int] | ConnectionNumbers = {}
        self._played_steps: dict[RecordedConnection, int] | ConnectionNumbers = {}
        self._recorded_steps = defaultdict[RecordedConnection, array[int]](lambda: array("Q"))
        self._late: list[Callable[[], Iterable[tuple[RecordedConnection, int]]]] = []

    def __len__(self) -> int:
        """Count the recorded connections."""
        self._read_late_steps()
        return len(self._recorded_steps)

    def share(self, claimants: memoryview, played_steps: memoryview) -> None:
        """Keep in shared memory who has claimed what, and what was played, by connection."""
        self._read_late_steps()
        indexes = {recorded: index for index, recorded in enumerate(self._recorded_steps)}
        self._claimant = ConnectionNumbers(indexes, claimants)
        self._played_steps = ConnectionNumbers(indexes, played_steps)

    def add_step(self, connection: RecordedConnection, exchange: int) -> None:
        """Add the next exchange of a recorded connection, by its number."""
        self._recorded_steps[connection].append(exchange)

    def add_late_steps(self, read: Callable[[], Iterable[tuple[RecordedConnection, int]]]) -> None:
        """Add exchanges in any order, which are read when their order is asked for."""
        self._late.append(read)

    def steps_before(self, connection: RecordedConnection, exchange: int) -> int:
        """Return how many exchanges came before one on its recorded connection."""
        self._read_late_steps()
        return bisect_left(self._recorded_steps[connection], exchange)

    def _read_late_steps(self) -> None:
        if not self._late:
            return
        for late, number in chain.from_iterable(read() for read in self._late):
            self._recorded_steps[late].append(number)
        self._late.clear()
        for each, numbers in self._recorded_steps.items():
            self._recorded_steps[each] = array("Q", sorted(numbers))

    def record_played(self, client: int, step: ConnectionStep) -> None:
        """Record that a connection has played an exchange; it claims the recorded connection."""
        recorded = step.connection
        if self._played_steps.get(recorded, 0) <= step.before:
            self._played_steps[recorded] = step.before + 1
        claimant = self._claimant.get(recorded, 0)
        if client == 0 or claimant not in (0, client):
            return
        if not claimant:
            self._claimant[recorded] = client
        claims = self._claims[client]
        claims.pop(recorded, None)
        claims[recorded] = None
        if len(claims) > _MAX_CLAIMS:
            self._release(client, next(iter(claims)))

    def changes_others(self, client: int, step: ConnectionStep) -> bool:
        """Return whether `record_played` would change what the clients of other processes see."""
        is_further = self._played_steps.get(step.connection, 0) <= step.before
        return is_further or not self._claimant.get(step.connection, 0)

    def take_claims(self, client: int) -> list[RecordedConnection]:
        """Return the claims of a connection that another process goes on with, and forget them."""
        return list(self._claims.pop(client, ()))

    def restore_claims(self, client: int, claims: Iterable[RecordedConnection]) -> None:
        """Go on with a connection that had these claims in another process."""
        self._claims[client] = dict.fromkeys(claims)

    def forget_claims(self) -> None:
        """Forget all claims: what other processes see of them was cleared."""
        self._claims.clear()

    def forget_connection(self, client: int) -> None:
        """Release the claims of a connection that has closed."""
        for recorded in list(self._claims.get(client, ())):
            self._release(client, recorded)
        self._claims.pop(client, None)

    def claimed_by(self, client: int) -> Iterable[RecordedConnection]:
        """Return the recorded connections that a connection claims, the latest played last.

        There may be several: a client may replay with one connection what it recorded with many.
        A recorded connection has one claimant at most. A claim ends when the claimant closes, or
        when it has played exchanges of `_MAX_CLAIMS` others since.
        """
        return self._claims.get(client, ())

    def mismatch_rank(
        self, client: int, hints: ClientHints, step: ConnectionStep
    ) -> tuple[bool, ...]:
        """Rank a recorded exchange as the one that a client's request stands for.

        The smallest tuple wins; of equal ones, the exchange that was recorded first. Most
        significant first:

        1. The stream id differs. A call with the id of another subscription belongs to another
           scheduler, whatever else speaks for it.
        2. It is on another connection than those that the client claims. A client that has begun
           to replay a recorded connection goes on with it.
        3. The User-Agent differs. It identifies a program but not one of its instances, so it
           counts less than a claim.
        4. Another connection claims it. Two live clients should not share a recorded one, but they
           may have to, if there are more clients now than there were then.
        5. It is out of order: the client has claimed nothing yet, and on the recorded connection
           there were requests before this one that were not sent so far.

        A header counts only if some recorded client of an equal request sent the same value, or
        lacked it too, so the caller replaces other values in `hints` by NOT_RECORDED.
        """
        claims = self._claims.get(client, ())
        is_claimed_by_other = client != 0 and self._claimant.get(step.connection, client) != client
        is_in_order = (
            client == 0 or bool(claims) or step.before <= self._played_steps.get(step.connection, 0)
        )
        return (
            hints.stream_id not in (NOT_RECORDED, step.hints.stream_id),
            step.connection not in claims,
            hints.user_agent not in (NOT_RECORDED, step.hints.user_agent),
            is_claimed_by_other,
            not is_in_order,
        )

    def _release(self, client: int, recorded: RecordedConnection) -> None:
        del self._claims[client][recorded]
        del self._claimant[recorded]
