"""The TCP connections of a capture: who is the client, their bytes in order, and how they ended.

    segments of all connections  →  TcpData  TcpLoss  TcpClose  TcpEnd

The client is who sent the SYN. If the capture began later, the bytes tell (`tell_sender`), and the
bytes before those are left out.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Literal

from msgspec import Struct

from ...proto.http.address import Address
from ..format.documents import Side
from .direction import Direction
from .tcp_segment import ACK, FIN, RST, SYN, Segment

MAX_CONNECTIONS = 1 << 14
"""Connections of which the state is held; the one that was silent longest is given up."""

OTHER: dict[Side, Side] = {"client": "server", "server": "client"}


class TcpConnection:
    """A connection. `is_whole` if its begin is in the capture; numbers are in order of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_whole = False
        self.is_closed = False
        self.client: bytes | None = None
        self.server: bytes | None = None
        self.dropped = 0
        self.directions: dict[bytes, Direction] = {}
        self.start: int | None = None

    def name(self, client: bytes, server: bytes) -> None:
        """Set who is who."""
        self.client, self.server = client, server


class TcpPiece(Struct, frozen=True, gc=False):
    """What happened to the bytes that one side of a connection sends."""

    connection: TcpConnection
    side: Side
    at_ns: int


class TcpData(TcpPiece, frozen=True):
    """The next bytes: those of one segment, or the rest of it."""

    data: bytes


class TcpLoss(TcpPiece, frozen=True):
    """Bytes that were sent, and are not in the capture."""

    size: int


class TcpClose(TcpPiece, frozen=True):
    """The side has sent all (FIN); the other one may still send."""


class TcpEnd(TcpPiece, frozen=True):
    """The connection ended: closed by both sides, reset by this one, or not in the capture."""

    how: Literal["closed", "reset", "unknown"]


type AnyTcpPiece = TcpData | TcpLoss | TcpClose | TcpEnd


class Connections:
    """Takes the segments of a capture. `given_up` counts connections that there was no room for."""

    def __init__(self, tell_sender: Callable[[bytes], Side | None]) -> None:
        self.given_up = 0
        self._tell_sender = tell_sender
        self._count = 0
        self._last_ns = 0
        self._open: OrderedDict[tuple[bytes, bytes], TcpConnection] = OrderedDict()

    def feed(self, segment: Segment) -> Iterator[AnyTcpPiece]:
        """Take a segment, in the order of the capture."""
        self._last_ns = segment.at_ns
        source, destination = segment.source, segment.destination
        key = (source, destination) if source < destination else (destination, source)
        connection = self._open.get(key)
        is_new = segment.flags & (SYN | ACK) == SYN
        if connection is not None and is_new and connection.start != segment.sequence:
            yield from self._give_up(connection)
            connection = None
        if connection is None:
            if not segment.payload and not segment.flags & SYN:
                return
            connection = self._open[key] = self._begin()
            if len(self._open) > MAX_CONNECTIONS:
                _, oldest = self._open.popitem(last=False)
                self.given_up += not oldest.is_closed
                yield from self._give_up(oldest)
        self._open.move_to_end(key)
        if not connection.is_closed:
            yield from self._take(connection, segment)

    def close(self) -> Iterator[AnyTcpPiece]:
        """End the connections that are open when the capture ends."""
        while self._open:
            yield from self._give_up(self._open.popitem(last=False)[1])

    def leave_out(self, connection: TcpConnection) -> None:
        """Give nothing more of a connection; what is kept tells its late segments from new ones."""
        connection.is_closed = True
        connection.directions.clear()

    def _begin(self) -> TcpConnection:
        self._count += 1
        return TcpConnection(self._count)

    def _take(self, connection: TcpConnection, segment: Segment) -> Iterator[AnyTcpPiece]:
        source, destination, flags = segment.source, segment.destination, segment.flags
        sequence = segment.sequence
        if flags & SYN:
            connection.is_whole = True
            if flags & ACK:
                connection.name(destination, source)
            else:
                connection.name(source, destination)
                connection.start = sequence
            connection.directions.setdefault(source, Direction(sequence + 1))
            sequence += 1
        if connection.client is None and segment.payload:
            match self._tell_sender(segment.payload):
                case "client":
                    connection.name(source, destination)
                case "server":
                    connection.name(destination, source)
                case None:
                    connection.dropped += len(segment.payload)
        if connection.client is None:
            return
        side: Side = "client" if source == connection.client else "server"
        other = connection.directions.get(destination)
        if flags & ACK and other is not None:
            pieces = other.acknowledge(segment.acknowledged)
            yield from self._pieces(connection, OTHER[side], pieces, other)
        own = connection.directions.get(source)
        if own is None:
            own = connection.directions[source] = Direction()
        if not own.is_ended:
            is_last = bool(flags & FIN)
            pieces = own.feed(sequence, segment.payload, segment.size, is_last=is_last)
            yield from self._pieces(connection, side, pieces, own)
        if flags & RST:
            for way in connection.directions:
                yield from self._close(connection, way)
            yield self._end(connection, side, "reset")
        elif len(connection.directions) == 2 and all(
            each.is_ended for each in connection.directions.values()
        ):
            yield self._end(connection, side, "closed")

    def _pieces(
        self,
        connection: TcpConnection,
        side: Side,
        pieces: Iterator[bytes | int],
        direction: Direction,
    ) -> Iterator[AnyTcpPiece]:
        was_ended = direction.is_ended
        at_ns = self._last_ns
        for piece in pieces:
            if isinstance(piece, int):
                yield TcpLoss(connection, side, at_ns, piece)
            else:
                yield TcpData(connection, side, at_ns, piece)
        if direction.is_ended and not was_ended:
            yield TcpClose(connection, side, at_ns)

    def _close(self, connection: TcpConnection, way: bytes) -> Iterator[AnyTcpPiece]:
        direction = connection.directions[way]
        side: Side = "client" if way == connection.client else "server"
        yield from self._pieces(connection, side, direction.close(), direction)

    def _give_up(self, connection: TcpConnection) -> Iterator[AnyTcpPiece]:
        if connection.is_closed:
            return
        for way in connection.directions:
            yield from self._close(connection, way)
        yield self._end(connection, "server", "unknown")

    def _end(
        self, connection: TcpConnection, side: Side, how: Literal["closed", "reset", "unknown"]
    ) -> TcpEnd:
        self.leave_out(connection)
        return TcpEnd(connection, side, self._last_ns, how)


def address_of(endpoint: bytes) -> str:
    """Return an endpoint as text."""
    host = ip_address(endpoint[:-2])
    return str(Address(str(host), int.from_bytes(endpoint[-2:])))
