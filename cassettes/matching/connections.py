"""Clients: which recorded connection each connection of this replay stands for.

Several clients may say the same, and each shall get what the one it stands for got. Who that is
shows in what else it says:

    recorded   1: GET_VERSION, GET_STATE → a    2: GET_STATE → b
    replayed   x: GET_STATE → b                 y: GET_VERSION, GET_STATE → a

A connection stands for those whose exchanges it has played, and nobody else does while it is there.
One that has played nothing stands for none that began otherwise. Where that does not decide, the
order of the recording does.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from ...proto.http.request import HttpRequest

_KEPT = 16
"""Recorded connections that one may stand for, the latest: one that is kept may replay many."""


class RecordedConnection(Struct, frozen=True):
    """A recorded connection, by the cassette's place in the list and its number."""

    cassette: int
    client: int


class ClientHints(Struct, frozen=True):
    """What a request says about who sends it; None is nothing."""

    stream_id: str | None = None
    user_agent: str | None = None


NO_HINTS = ClientHints()

BEST_RANK = (False, False, False, False, False)
BEST_UNCLAIMED_RANK = (False, True, False, False, False)
"""The least `Clients.strangeness` that there is, and the least of what one does not stand for."""


def client_hints(request: HttpRequest) -> ClientHints:
    """What a request says about who sends it."""
    values = request.headers_by_name
    return _signs(values.get(b"mesos-stream-id"), values.get(b"user-agent"))


@lru_cache(maxsize=256)
def _signs(stream_id: bytes | None, user_agent: bytes | None) -> ClientHints:
    said = (None if value is None else value.decode("latin-1") for value in (stream_id, user_agent))
    return ClientHints(*said)


class ConnectionStep(Struct, frozen=True, eq=False):
    """A recorded exchange as a part of what was said: on which connection, behind how many."""

    connection: RecordedConnection
    before: int = 0
    hints: ClientHints = NO_HINTS


class ConnectionMap:
    """Who has played what. Connections are numbers; 0 is one that nobody knows."""

    def __init__(self) -> None:
        self._stands_for = defaultdict[int, dict[RecordedConnection, None]](dict)
        self._claimed: dict[RecordedConnection, int] = {}
        self._played = defaultdict[RecordedConnection, int](int)
        self._recorded = defaultdict[RecordedConnection, int](int)

    def add_step(self, source: RecordedConnection, signs: ClientHints) -> ConnectionStep:
        """File the next exchange of a recorded connection."""
        self._recorded[source] += 1
        return ConnectionStep(source, self._recorded[source] - 1, signs)

    def record_played(self, client: int, part: ConnectionStep) -> None:
        """A connection has played an exchange."""
        source = part.connection
        self._played[source] = max(self._played[source], part.before + 1)
        if client == 0 or self._claimed.setdefault(source, client) != client:
            return
        own = self._stands_for[client]
        own.pop(source, None)
        own[source] = None
        if len(own) > _KEPT:
            self._release(client, next(iter(own)))

    def forget_connection(self, client: int) -> None:
        """A connection is gone: others may stand for what it stood for."""
        for source in list(self._stands_for.get(client, ())):
            self._release(client, source)
        self._stands_for.pop(client, None)

    def claimed_by(self, client: int) -> Iterable[RecordedConnection]:
        """What a connection stands for."""
        return self._stands_for.get(client, ())

    def mismatch_rank(
        self, client: int, signs: ClientHints, part: ConnectionStep
    ) -> tuple[bool, ...]:
        """Of the exchanges that a request may mean, the one with the least of this is meant."""
        own = self._stands_for.get(client, ())
        claimed = client != 0 and self._claimed.get(part.connection, client) != client
        began = client == 0 or bool(own) or part.before <= self._played[part.connection]
        return (
            signs.stream_id is not None and part.hints.stream_id != signs.stream_id,
            part.connection not in own,
            signs.user_agent is not None and part.hints.user_agent != signs.user_agent,
            claimed,
            not began,
        )

    def _release(self, client: int, source: RecordedConnection) -> None:
        del self._stands_for[client][source]
        del self._claimed[source]
