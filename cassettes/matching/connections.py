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

from ...proto.http.request import Received

_KEPT = 16
"""Recorded connections that one may stand for, the latest: one that is kept may replay many."""


class Source(Struct, frozen=True):
    """A recorded connection, by the cassette's place in the list and its number."""

    cassette: int
    client: int


class Signs(Struct, frozen=True):
    """What a request says about who sends it; None is nothing."""

    stream_id: str | None = None
    user_agent: str | None = None


UNKNOWN = Signs()

NOT_STRANGE = (False, False, False, False, False)
LEAST_STRANGE = (False, True, False, False, False)
"""The least `Clients.strangeness` that there is, and the least of what one does not stand for."""


def signs(request: Received) -> Signs:
    """What a request says about who sends it."""
    values = request.values
    return _signs(values.get(b"mesos-stream-id"), values.get(b"user-agent"))


@lru_cache(maxsize=256)
def _signs(stream_id: bytes | None, user_agent: bytes | None) -> Signs:
    said = (None if value is None else value.decode("latin-1") for value in (stream_id, user_agent))
    return Signs(*said)


class Part(Struct, frozen=True, eq=False):
    """A recorded exchange as a part of what was said: on which connection, behind how many."""

    source: Source
    before: int = 0
    signs: Signs = UNKNOWN


class Clients:
    """Who has played what. Connections are numbers; 0 is one that nobody knows."""

    def __init__(self) -> None:
        self._stands_for = defaultdict[int, dict[Source, None]](dict)
        self._claimed: dict[Source, int] = {}
        self._played = defaultdict[Source, int](int)
        self._recorded = defaultdict[Source, int](int)

    def part(self, source: Source, signs: Signs) -> Part:
        """File the next exchange of a recorded connection."""
        self._recorded[source] += 1
        return Part(source, self._recorded[source] - 1, signs)

    def play(self, client: int, part: Part) -> None:
        """A connection has played an exchange."""
        source = part.source
        self._played[source] = max(self._played[source], part.before + 1)
        if client == 0 or self._claimed.setdefault(source, client) != client:
            return
        own = self._stands_for[client]
        own.pop(source, None)
        own[source] = None
        if len(own) > _KEPT:
            self._release(client, next(iter(own)))

    def leave(self, client: int) -> None:
        """A connection is gone: others may stand for what it stood for."""
        for source in list(self._stands_for.get(client, ())):
            self._release(client, source)
        self._stands_for.pop(client, None)

    def own(self, client: int) -> Iterable[Source]:
        """What a connection stands for."""
        return self._stands_for.get(client, ())

    def strangeness(self, client: int, signs: Signs, part: Part) -> tuple[bool, ...]:
        """Of the exchanges that a request may mean, the one with the least of this is meant."""
        own = self._stands_for.get(client, ())
        claimed = client != 0 and self._claimed.get(part.source, client) != client
        began = client == 0 or bool(own) or part.before <= self._played[part.source]
        return (
            signs.stream_id is not None and part.signs.stream_id != signs.stream_id,
            part.source not in own,
            signs.user_agent is not None and part.signs.user_agent != signs.user_agent,
            claimed,
            not began,
        )

    def _release(self, client: int, source: Source) -> None:
        del self._stands_for[client][source]
        del self._claimed[source]
