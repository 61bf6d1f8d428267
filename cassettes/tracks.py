"""Tracks: the recorded answers to equal requests, and whose turn it is.

A request is equal to a recorded one if it means the same, whatever encoding it comes in and asks
for. Of the answers of a track, each is given once; after the last, one that only reads gets the
last again. A client gets the answers that were recorded in its own encoding, if there are any:

    recorded   1 json   2 protobuf   3 json
    json       1  3  3  3 …                   reading: never an answer that lost or gained something
    json       1  3  2  (already played)      mutating: each is still given once, its own first
    protobuf   2  2  2 …
    neither    1  2  3  3 …                   all others, in order, transcoded
"""

from msgspec import Struct

from ..proto.negotiation import ResponseType
from .journal import Place

type Wanted = ResponseType | None
"""What an answer is labelled; None if it has no message, so that its encoding is no matter."""


class Turn(Struct, frozen=True, eq=False):
    """An exchange to play; `target` is what its answer is to be transcoded to, if it is.

    The same clients get the same object again, which makes it a quick key.
    """

    place: Place
    target: Wanted = None


class Track:
    """The recorded exchanges of equal requests, in order."""

    def __init__(self, *, mutating: bool) -> None:
        self.mutating = mutating
        self.given = bytearray()
        self._asked: list[tuple[Place, Wanted]] = []
        self._lines: dict[Wanted, Line] = {}

    def add(self, place: Place, asked: Wanted) -> None:
        """Add an exchange, with what its client asked for."""
        self._asked.append((place, asked))
        self.given.append(False)

    @property
    def unused(self) -> list[Place]:
        """Exchanges that were never played."""
        pairs = zip(self._asked, self.given, strict=True)
        return [place for (place, _), given in pairs if not given]

    def line(self, wanted: Wanted) -> "Line":
        """What a client gets that wants this; all that want the same share it."""
        if wanted not in self._lines:
            self._lines[wanted] = Line(self, self._order(wanted))
        return self._lines[wanted]

    def _order(self, wanted: Wanted) -> list[tuple[int, Turn]]:
        own: list[tuple[int, Turn]] = []
        others: list[tuple[int, Turn]] = []
        for index, (place, asked) in enumerate(self._asked):
            if asked == wanted:
                own.append((index, Turn(place)))
            else:
                others.append((index, Turn(place, wanted)))
        return own + others if self.mutating or not own else own


class Line:
    """The turns of clients that want the same."""

    def __init__(self, track: Track, order: list[tuple[int, Turn]]) -> None:
        self._track = track
        self._order = order
        self._next = 0

    def take(self) -> Turn | None:
        """The next exchange to play, or None: all are played, and none may be again."""
        given = self._track.given
        while self._next < len(self._order):
            index, turn = self._order[self._next]
            self._next += 1
            if not given[index]:
                given[index] = True
                return turn
        return None if self._track.mutating else self._order[-1][1]
