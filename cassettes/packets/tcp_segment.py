"""The TCP segment in a packet: link, IP and TCP headers.

    Ethernet, with or without VLAN tags; Linux cooked (tcpdump -i any); loopback of BSD; raw IP
    IPv4; IPv6, with its extension headers
    TCP

Checksums are not looked at: network cards write them after the capture.
"""

import struct
from collections import Counter
from enum import StrEnum
from struct import Struct as Packing

from msgspec import Struct

from .capture_file import Packet

FIN, SYN, RST, ACK = 1, 2, 4, 16

_NULL, _ETHERNET, _RAW, _LOOP, _COOKED, _IPV4, _IPV6, _COOKED_2 = 0, 1, 101, 108, 113, 228, 229, 276
_TYPE_OFFSETS = {_ETHERNET: 12, _COOKED: 14, _COOKED_2: 0}
"""Where the type of the network protocol is, by link type."""

_HEADER_SIZES = {_NULL: 4, _LOOP: 4, _RAW: 0, 12: 0, 14: 0, _IPV4: 0, _IPV6: 0, _COOKED_2: 20}
_IP_TYPES = (0x0800, 0x86DD)
_VLAN_TYPES = (0x8100, 0x88A8, 0x9100)
_TCP, _FRAGMENT, _AUTHENTICATION = 6, 44, 51
_EXTENSIONS = (0, 43, 60, _FRAGMENT, _AUTHENTICATION)  # Before TCP, each tells what follows it.
_U16 = Packing(">H")
_TCP_HEADER = Packing(">HHIIH")


class Skipped(StrEnum):
    """Why a packet that may have had bytes of TCP was not read."""

    FRAGMENT = "IP fragments"
    LINK_TYPE = "of unknown link types"
    SHORT = "too short for their headers"


class Segment(Struct, frozen=True, gc=False):
    """A segment. An endpoint is the bytes of its IP address, and two of its port.

    `size` is that of the payload on the wire, which may not be captured to its end.
    """

    at_ns: int
    source: bytes
    destination: bytes
    sequence: int
    acknowledged: int
    flags: int
    payload: bytes
    size: int


class SegmentReader:
    """Reads the segments of packets. `skipped` counts what could not be read."""

    def __init__(self) -> None:
        self.skipped = Counter[Skipped]()
        self.link_types = Counter[int]()
        self.cut_count = 0

    def read(self, packet: Packet) -> Segment | None:
        """Return the segment in a packet; None if it is not TCP, or cannot be read."""
        try:
            begin = self._network_header(packet)
            return None if begin is None else self._read_ip(packet, begin)
        except (IndexError, struct.error):
            self.skipped[Skipped.SHORT] += 1
            return None

    def _network_header(self, packet: Packet) -> int | None:
        """Return where the IP header begins; None if there is none."""
        link_type, data = packet.link_type, packet.data
        place = _TYPE_OFFSETS.get(link_type)
        if place is None:
            begin = _HEADER_SIZES.get(link_type)
            if begin is None:
                self.skipped[Skipped.LINK_TYPE] += 1
                self.link_types[link_type] += 1
            return begin
        (network,) = _U16.unpack_from(data, place)
        begin = _HEADER_SIZES.get(link_type, place + 2)
        while network in _VLAN_TYPES:
            (network,) = _U16.unpack_from(data, begin + 2)
            begin += 4
        return begin if network in _IP_TYPES else None

    def _read_ip(self, packet: Packet, begin: int) -> Segment | None:
        data = packet.data
        version = data[begin] >> 4
        if version == 4:
            protocol, fragment = data[begin + 9], _U16.unpack_from(data, begin + 6)[0] & 0x3FFF
            addresses, size = begin + 12, 4
            transport, (length,) = begin + (data[begin] & 15) * 4, _U16.unpack_from(data, begin + 2)
            end = begin + length
        elif version == 6:
            protocol, fragment, transport = _skip_extensions(data, data[begin + 6], begin + 40)
            addresses, size, (length,) = begin + 8, 16, _U16.unpack_from(data, begin + 4)
            end = begin + 40 + length
        else:
            return None
        if protocol != _TCP:
            return None
        if fragment:
            self.skipped[Skipped.FRAGMENT] += 1
            return None
        middle = addresses + size
        source, destination = data[addresses:middle], data[middle : middle + size]
        # A network card that cuts segments itself gets packets that are longer than their length
        # can tell: then it is 0.
        return self._read_tcp(
            packet, transport, end if length else packet.size, source, destination
        )

    def _read_tcp(
        self, packet: Packet, begin: int, end: int, source: bytes, destination: bytes
    ) -> Segment | None:
        data = packet.data
        _, _, sequence, acknowledged, rest = _TCP_HEADER.unpack_from(data, begin)
        start = begin + (rest >> 12) * 4
        if start < begin + 20 or end < start:
            self.skipped[Skipped.SHORT] += 1
            return None
        self.cut_count += end > len(data)
        return Segment(
            packet.at_ns,
            source + data[begin : begin + 2],
            destination + data[begin + 2 : begin + 4],
            sequence,
            acknowledged,
            rest & 0x3F,
            data[start:end],
            end - start,
        )


def _skip_extensions(data: bytes, protocol: int, begin: int) -> tuple[int, int, int]:
    """Return the protocol after the extension headers of IPv6, whether a fragment, and where."""
    fragment = 0
    while protocol in _EXTENSIONS:
        following, length = data[begin], data[begin + 1]
        if protocol == _FRAGMENT:
            fragment |= _U16.unpack_from(data, begin + 2)[0] & 0xFFF9
            length = 0
        begin += (length + 2) * 4 if protocol == _AUTHENTICATION else (length + 1) * 8
        protocol = following
    return protocol, fragment, begin
