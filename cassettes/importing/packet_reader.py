"""A packet capture (pcap, pcapng) of plain HTTP/1.1, as traffic.

Packets are read once, in their order; memory does not depend on the size of the file. Exchanges are
numbered by their requests. Times count from the first packet.
"""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import BinaryIO

from ...proto.counted import counted, was
from ..format.documents import Document, EndCause, Side
from ..inspection.capture_detection import NEXT_CHUNK, SIZE_LINE, START_LINE
from ..interchange.losses import Losses
from ..packets.capture_file import CaptureFile, Packet, PacketCaptureError
from ..packets.connections import (
    MAX_CONNECTIONS,
    AnyTcpPiece,
    Connections,
    TcpClose,
    TcpConnection,
    TcpData,
    TcpEnd,
    TcpLoss,
    address_of,
)
from ..packets.tcp_segment import SegmentReader, Skipped
from ..recording.observations import AnyObservation, RequestHead
from .http_connection import HttpConnection, HttpSide
from .raw_reader import Client, RawHints
from .traffic import ForeignFileError, Origins, Traffic

_NANOSECONDS = 1_000_000_000
_METHOD = re.compile(rb"[A-Z]{1,20}(?: |\Z)")
_HTTP_2 = b"PRI * HTTP/2"
_TLS = b"\x16\x03"


def read_packet_capture(
    file: BinaryIO, hints: RawHints, origins: Origins, losses: Losses
) -> Traffic:
    """Read a packet capture. Raises ForeignFileError, also while the traffic is read."""
    capture = CaptureFile(file)
    try:
        packets = iter(capture)
        first = next(packets, None)
    except PacketCaptureError as error:
        raise ForeignFileError(str(error)) from error
    if first is None:
        raise ForeignFileError(capture.damage or "has no packets")
    reading = _CapturedTraffic(first.at_ns, hints, origins, losses)
    return Traffic(
        tool="a packet capture",
        recorded_at=_date(first.at_ns),
        origins=origins,
        server=None if hints.api is None else hints.api.server,
        items=reading.observe(capture, chain([first], packets)),
    )


def _date(at_ns: int) -> datetime.datetime:
    began = datetime.datetime.fromtimestamp(0, datetime.UTC)
    try:
        return began + datetime.timedelta(microseconds=at_ns // 1000)
    except OverflowError:
        raise ForeignFileError(f"packet 1: {at_ns} is no time in nanoseconds") from None


def _tell_sender(data: bytes) -> Side | None:
    """Return who sends bytes out of the middle of a connection."""
    start = START_LINE.match(data)
    if start is not None:
        return "server" if data.startswith(b"HTTP/") else "client"
    return "server" if SIZE_LINE.match(data) or NEXT_CHUNK.search(data) else None


class _HttpFlow:
    """The HTTP of a connection, and which side closed it first."""

    def __init__(self, connection: HttpConnection, *, is_whole: bool) -> None:
        self.connection = connection
        self.sides: dict[Side, HttpSide] = {
            "client": HttpSide(connection, is_whole=is_whole),
            "server": HttpSide(connection, is_whole=is_whole),
        }
        self.first_closed: tuple[Side, float] | None = None

    def take(self, piece: AnyTcpPiece, at: float) -> Iterator[AnyObservation]:
        """Process what happened to the connection."""
        match piece:
            case TcpData():
                yield from self.sides[piece.side].feed(piece.data, at)
            case TcpLoss():
                yield from self.sides[piece.side].skip(piece.size, at)
            case TcpClose():
                self.first_closed = self.first_closed or (piece.side, at)
                if piece.side == "server":
                    yield from self._end(at, "server")
            case TcpEnd(how="reset"):
                yield from self._end(at, "client" if piece.side == "client" else "server-cut")
            case TcpEnd():
                yield from self._end(at, "stopped")

    def _end(self, at: float, cause: EndCause) -> Iterator[AnyObservation]:
        """End what is open; a client that closed first has left, though it waits for the server."""
        server = self.sides["server"]
        match self.first_closed:
            case ("client", left_at):
                at, cause = max(left_at, server.last_at), "client"
            case _:
                pass
        yield from server.close(at, cause)
        yield from self.connection.end(at, "server-cut" if cause == "server" else cause)


class _CapturedTraffic:
    """What was read of a capture: its connections, and what is lost."""

    def __init__(self, began_ns: int, hints: RawHints, origins: Origins, losses: Losses) -> None:
        self._began_ns, self._hints = began_ns, hints
        self._origins, self._losses = origins, losses
        self._connections = Connections(_tell_sender)
        self._segments = SegmentReader()
        self._flows: dict[int, _HttpFlow] = {}
        self._numbers, self._clients = count(1), count(1)
        self._others = Counter[str]()
        self._late = self._lost = 0
        self._at = 0.0
        self._packets = 0

    def observe(
        self, capture: CaptureFile, packets: Iterable[Packet]
    ) -> Iterator[AnyObservation | Document]:
        """Iterate over the observations of all connections, in the order of the packets."""
        try:
            for packet in packets:
                self._packets += 1
                segment = self._segments.read(packet)
                if segment is not None:
                    for piece in self._connections.feed(segment):
                        yield from self._take(piece)
        except PacketCaptureError as error:
            raise ForeignFileError(str(error)) from error
        for piece in self._connections.close():
            yield from self._take(piece)
        self._tell_losses(capture)

    def _take(self, piece: AnyTcpPiece) -> Iterator[AnyObservation]:
        connection = piece.connection
        flow = self._flows.get(connection.number)
        if flow is None:
            if isinstance(piece, TcpEnd) and connection.client is None and connection.dropped:
                self._others["another protocol"] += 1
            if not isinstance(piece, TcpData):
                connection.is_whole &= not isinstance(piece, TcpLoss)
                return
            flow = self._open(piece)
            if flow is None:
                return
        if isinstance(piece, TcpLoss):
            self._lost += piece.size
        if isinstance(piece, TcpEnd):
            del self._flows[connection.number]
        self._at = max(self._at, round((piece.at_ns - self._began_ns) / _NANOSECONDS, 6))
        is_kept = flow.connection.losses is self._losses
        origin = _origin(connection)
        for observation in flow.take(piece, self._at):
            if isinstance(observation, RequestHead):
                self._origins.keep(origin)
            if is_kept:
                yield observation
        if flow.connection.is_upgraded and connection.number in self._flows:
            yield from flow.connection.end(self._at, "stopped") if is_kept else ()
            del self._flows[connection.number]
            self._leave_out(connection, "a protocol after an HTTP upgrade")

    def _open(self, first: TcpData) -> _HttpFlow | None:
        """Return the HTTP of a connection that begins with these bytes; None if it has none."""
        connection = first.connection
        other = _other_protocol(first) if connection.is_whole else None
        if other is not None:
            self._leave_out(connection, other)
            return None
        self._late += not connection.is_whole
        assert connection.client is not None
        if self._origins.is_chosen(_origin(connection)):
            losses, numbers = self._losses, self._numbers
            client = Client(next(self._clients), address_of(connection.client))
        else:
            losses, numbers, client = Losses(), count(1), Client()
        http = HttpConnection(client, self._hints, losses, numbers.__next__)
        flow = self._flows[connection.number] = _HttpFlow(http, is_whole=connection.is_whole)
        return flow

    def _leave_out(self, connection: TcpConnection, protocol: str) -> None:
        self._others[protocol] += 1
        self._connections.leave_out(connection)

    def _tell_losses(self, capture: CaptureFile) -> None:
        """List what is not in the cassette. Raises ForeignFileError if nothing is."""
        segments, add = self._segments, self._losses.add
        others = ", ".join(f"{number} of {name}" for name, number in self._others.items())
        links = ", ".join(map(str, segments.link_types))
        if not self._origins.counts:
            found = f"TCP connections {others}" if others else counted(self._packets, "packet")
            unknown = f", of link types that are not known ({links})" if links else ""
            raise ForeignFileError(f"has no HTTP/1.1: found {found}{unknown}")
        if capture.damage is not None:
            add(f"{capture.damage}: what was captured before is imported")
        if others:
            add(f"connections that are not HTTP/1.1 are left out: {others}")
        if self._late:
            text = "open when the capture began: what came before their first head or chunk"
            add(f"{counted(self._late, 'connection')} {was(self._late)} {text} is left out")
        if self._lost:
            add(f"{counted(self._lost, 'byte')} {was(self._lost)} sent, and not captured")
        if segments.cut_count:
            text = "cut off by the snapshot length (tcpdump -s)"
            add(f"{counted(segments.cut_count, 'packet')} {was(segments.cut_count)} {text}")
        for reason, number in segments.skipped.items():
            kinds = f" ({links})" if reason is Skipped.LINK_TYPE else ""
            add(f"{counted(number, 'packet')} {was(number)} left out: {reason}{kinds}")
        if self._connections.given_up:
            text = f"more than {MAX_CONNECTIONS} connections were open: ends are missing"
            add(f"{text} (of {self._connections.given_up})")


def _origin(connection: TcpConnection) -> str:
    assert connection.server is not None
    return f"http://{address_of(connection.server)}"


def _other_protocol(first: TcpData) -> str | None:
    """Return the protocol of a connection by its first bytes; None if it may be HTTP/1.1."""
    data = first.data
    if data.startswith(_TLS):
        return "TLS"
    if data.startswith(_HTTP_2):
        return "HTTP/2"
    if first.side == "server" or not _METHOD.match(data):
        return "another protocol"
    return None
