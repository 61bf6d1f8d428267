"""The contents of a cassette, also while it is being recorded."""

from pathlib import Path
from typing import NamedTuple

from mesotape.cassettes.format import bodies
from mesotape.cassettes.format.documents import Body, End, Event, Exchange
from mesotape.cassettes.storage.reader import Cassette
from support.sockets import eventually


class Kept(NamedTuple):
    """One exchange, with the stream that it may have."""

    exchange: Exchange
    events: list[Event]
    sent: list[Event]
    end: End | None

    @property
    def records(self) -> list[bytes]:
        return [wire(event) for event in self.events]

    @property
    def is_over(self) -> bool:
        return self.exchange.response.stream is None or self.end is not None


def wire(body: Body) -> bytes:
    """Return the bytes of a body that is not protobuf."""
    return bodies.encode_body(body, None)


def kept(path: Path) -> list[Kept]:
    """Return all exchanges of a cassette, which may be written to meanwhile."""
    with Cassette.open(path, may_grow=True) as cassette:
        return [
            Kept(
                one,
                list(cassette.events(one.exchange)),
                list(cassette.events(one.exchange, "client")),
                cassette.stream_end(one.exchange),
            )
            for one in cassette.exchanges()
        ]


def kept_of(path: Path, peer: str, count: int = 1) -> list[Kept]:
    """Wait until a client has `count` exchanges, all of them over, and return them."""

    def look() -> list[Kept] | None:
        found = [one for one in kept(path) if one.exchange.peer == peer]
        return found if len(found) == count and all(one.is_over for one in found) else None

    return eventually(look, f"{count} exchanges of {peer} in {path}")


def notes(path: Path) -> list[tuple[str, int | None]]:
    """Return all notes, with the exchanges that they are about; as `kept`."""
    with Cassette.open(path, may_grow=True) as cassette:
        return [(note.note, note.of) for note in cassette.notes()]
