"""Packet captures, written byte by byte as tcpdump writes them."""

import struct
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from support.captures import Capture

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
BEGAN = 1_767_225_600  # 2026-01-01T00:00:00Z
CLIENT, SERVER = ("127.0.0.1", 40000), ("127.0.0.1", 5050)

ETHERNET, NULL, RAW, LOOP, COOKED, COOKED_2 = 1, 0, 101, 108, 113, 276
_ETHER_TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}


class Tcp(NamedTuple):
    """A segment; `at` is in seconds. `from_client` tells its direction."""

    at: float
    from_client: bool
    sequence: int
    acknowledged: int
    flags: int
    data: bytes = b""
    client: tuple[str, int] = CLIENT
    server: tuple[str, int] = SERVER

    def ip(self, fragment: int = 0) -> bytes:
        """The IP packet."""
        ways = (self.client, self.server) if self.from_client else (self.server, self.client)
        (source, port), (destination, other) = ways
        tcp = struct.pack(
            ">HHIIHHHH",
            port,
            other,
            self.sequence % (1 << 32),
            self.acknowledged % (1 << 32),
            5 << 12 | self.flags,
            65535,
            0,
            0,
        )
        payload = tcp + self.data
        addresses = ip_address(source).packed + ip_address(destination).packed
        if ":" in source:
            options = b"\x06\0" + b"\1\4\0\0\0\0"  # A header with padding, and what follows it.
            return (
                struct.pack(">IHBB", 6 << 28, len(options + payload), 0, 64)
                + addresses
                + (options + payload)
            )
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, fragment, 64, 6, 0)
        return head + addresses + payload


def link(ip: bytes, link_type: int = ETHERNET, vlans: int = 0) -> bytes:
    """Put the header of a link before an IP packet."""
    kind = _ETHER_TYPES[ip[0] >> 4]
    match link_type:
        case 1:
            tagged = b"\x81\x00\x00\x07" * vlans + kind
            return (bytes(12) + tagged + ip).ljust(60, b"\0")
        case 0:
            return struct.pack("<I", 2) + ip
        case 108:
            return struct.pack(">I", 2) + ip
        case 113:
            return bytes(14) + kind + ip
        case 276:
            return kind + bytes(18) + ip
        case _:
            return ip


def pcap(
    packets: Iterable[tuple[float, bytes]],
    link_type: int = ETHERNET,
    order: str = "<",
    snapshot: int = 262144,
) -> bytes:
    """Return a pcap file with times in nanoseconds."""
    head = struct.pack(f"{order}IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snapshot, link_type)
    return head + b"".join(_pcap_packet(at, data, order, snapshot) for at, data in packets)


def _pcap_packet(at: float, data: bytes, order: str, snapshot: int) -> bytes:
    seconds, kept = int(at), data[:snapshot]
    fraction = round((at - seconds) * 1e9)
    head = struct.pack(f"{order}IIII", BEGAN + seconds, fraction, len(kept), len(data))
    return head + kept


def pcapng(
    packets: Iterable[tuple[float, bytes]], link_type: int = ETHERNET, order: str = "<"
) -> bytes:
    """Return a pcapng file with two interfaces, a block of an unknown type, and nanoseconds."""

    def block(kind: int, data: bytes) -> bytes:
        data += bytes(-len(data) % 4)
        length = struct.pack(f"{order}I", len(data) + 12)
        return struct.pack(f"{order}I", kind) + length + data + length

    def packet(at: float, data: bytes) -> bytes:
        time_ns = BEGAN * 10**9 + round(at * 1e9)
        fields = 1, time_ns >> 32, time_ns & 0xFFFFFFFF, len(data), len(data)
        return block(6, struct.pack(f"{order}IIIII", *fields) + data)

    unit = struct.pack(f"{order}HHBxxxHH", 9, 1, 9, 0, 0)
    section = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    other = block(1, struct.pack(f"{order}HHI", 147, 0, 0))
    interface = block(1, struct.pack(f"{order}HHI", link_type, 0, 0) + unit)
    blocks = [packet(at, data) for at, data in packets]
    return section + other + interface + block(0xBAD, b"x" * 100) + b"".join(blocks)


class Talk:
    """A connection that writes its segments: handshake, data in parts, ends, acknowledgements."""

    def __init__(
        self,
        client: tuple[str, int] = CLIENT,
        server: tuple[str, int] = SERVER,
        start: int = (1 << 32) - 300,
        most: int = 1448,
    ) -> None:
        self.segments: list[Tcp] = []
        self._ends = client, server
        self._most = most
        self._next = {True: start, False: start + 5}

    def _segment(self, at: float, from_client: bool, flags: int, data: bytes = b"") -> None:
        own, other = self._next[from_client], self._next[not from_client]
        self.segments.append(Tcp(at, from_client, own, other, flags, data, *self._ends))
        self._next[from_client] += len(data) + bool(flags & (SYN | FIN))

    def open(self, at: float) -> "Talk":
        """Shake hands."""
        self._segment(at, True, SYN)
        self._segment(at, False, SYN | ACK)
        self._segment(at, True, ACK)
        return self

    def send(self, at: float, from_client: bool, data: bytes) -> "Talk":
        """Send bytes, which are acknowledged."""
        for begin in range(0, len(data), self._most):
            part = data[begin : begin + self._most]
            self._segment(at, from_client, ACK | PSH, part)
            self._segment(at, not from_client, ACK)
        return self

    def close(self, at: float, from_client: bool) -> "Talk":
        """Send a FIN, which is acknowledged."""
        self._segment(at, from_client, FIN | ACK)
        self._segment(at, not from_client, ACK)
        return self

    def reset(self, at: float, from_client: bool) -> "Talk":
        """Send a RST."""
        self._segment(at, from_client, RST | ACK)
        return self


def segments_of(
    capture: Capture, address: Callable[[int], str] = lambda _: "127.0.0.1"
) -> list[Tcp]:
    """Return a capture as the segments of its connections."""
    talks: dict[int, Talk] = {}
    for line in capture.lines:
        number, from_client = line.connection, line.side == "client"
        talk, at = talks.get(number), line.at_seconds
        if talk is None:
            host = address(number)
            talk = talks[number] = Talk((host, 40000 + number), (host, 5050)).open(at)
        if line.end:
            (talk.close if line.end == "eof" else talk.reset)(at, from_client)
        else:
            talk.send(at, from_client, line.data)
    return [each for talk in talks.values() for each in talk.segments]


def packets_of(
    segments: Iterable[Tcp], link_type: int = ETHERNET, vlans: int = 0
) -> Iterator[tuple[float, bytes]]:
    """Iterate over the packets of segments in the order of time, after one of another protocol."""
    yield 0.0, link(bytes([0x45]) + bytes(8) + b"\x11" + bytes(10), link_type, vlans)
    for each in sorted(segments, key=lambda each: each.at):
        yield each.at, link(each.ip(), link_type, vlans)
