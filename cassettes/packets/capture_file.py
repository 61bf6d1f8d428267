r"""Packets of a capture file: pcap, or pcapng.

    pcap      magic, version, …, snapshot length, link type       24 bytes
              seconds, fraction, captured bytes, bytes, data…     a packet
    pcapng    type, length, data…, length                         a block: a section, an interface,
                                                                  a packet, or another one

Both may have either byte order, and times in micro- or nanoseconds. See the drafts
draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Memory is bounded by the longest packet.
"""

import struct
from collections.abc import Iterator
from struct import Struct as Packing
from typing import BinaryIO

from msgspec import Struct

from ...proto.counted import counted

SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"

MAX_PACKET_BYTES = 1 << 20
"""libpcap captures at most 256 KiB of a packet."""

_MAX_BLOCK_BYTES = 1 << 24
_SKIPPED_BYTES = 1 << 16

_PCAP_FORMATS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""By the magic: the byte order, and the nanoseconds in a unit of the fractions."""

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_END_OF_OPTIONS, _TIME_UNIT, _TIME_OFFSET = 0, 9, 14
_SMALLEST_BLOCK, _SMALLEST_SECTION = 12, 28
_NANOSECONDS = 1_000_000_000


class PacketCaptureError(ValueError):
    """A file that is no packet capture, or a damaged one. The text has the place."""


class Packet(Struct, frozen=True, gc=False):
    """A packet as it was captured: `size` is that on the wire, of which `data` may be a part."""

    at_ns: int
    link_type: int
    data: bytes
    size: int


class _Interface(Struct, frozen=True):
    link_type: int
    units_per_second: int = 1_000_000
    offset_seconds: int = 0

    def nanoseconds(self, units: int) -> int:
        return units * _NANOSECONDS // self.units_per_second + self.offset_seconds * _NANOSECONDS


class CaptureFile:
    """Iterates over the packets of a file. `damage` tells where the file was cut off, if it was."""

    # A file that ends within a packet is usual: the capture was stopped by a signal. So that is no
    # error, and what was read before it counts. A length that no packet has is one, because where
    # the next packet begins is unknown then.

    def __init__(self, file: BinaryIO) -> None:
        self.damage: str | None = None
        self._file = file
        self._number = 0
        self._last_ns = 0

    def __iter__(self) -> Iterator[Packet]:
        """Read the packets. Raises PacketCaptureError."""
        magic = self._file.read(4)
        if magic == SECTION_MAGIC:
            return self._read_blocks()
        if magic not in _PCAP_FORMATS:
            raise PacketCaptureError(
                f"found {magic!r} at the start, expected a pcap or pcapng file"
            )
        return self._read_pcap(*_PCAP_FORMATS[magic])

    def _read_pcap(self, order: str, unit_ns: int) -> Iterator[Packet]:
        header = self._file.read(20)
        if len(header) < 20:
            raise PacketCaptureError("the file ends inside its header")
        (link_type,) = struct.unpack_from(f"{order}I", header, 16)
        link_type &= 0x0FFFFFFF  # The other bits tell the length of a check sum.
        packing, read = Packing(f"{order}IIII"), self._file.read
        while head := read(16):
            self._number += 1
            if len(head) < 16:
                self._cut_off()
                return
            seconds, fraction, length, size = packing.unpack(head)
            self._check_length(length)
            data = read(length)
            if len(data) < length:
                self._cut_off()
                return
            yield Packet(seconds * _NANOSECONDS + fraction * unit_ns, link_type, data, size)

    def _read_blocks(self) -> Iterator[Packet]:
        self._file.seek(-4, 1)
        order, interfaces = "<", list[_Interface]()
        while head := self._file.read(8):
            if head[:4] == SECTION_MAGIC:
                order, interfaces = self._byte_order(), []
            block = self._read_block(head, order)
            if block is None:
                self._cut_off()
                return
            kind, data = block
            if kind == _INTERFACE:
                interfaces.append(self._interface(data, order))
            elif kind in (_PACKET, _SIMPLE_PACKET, _OLD_PACKET):
                self._number += 1
                yield self._packet(kind, data, order, interfaces)

    def _byte_order(self) -> str:
        magic = self._file.read(4)
        self._file.seek(-len(magic), 1)
        if len(magic) == 4 and magic not in _BYTE_ORDERS:
            raise self._wrong(f"a section begins with {magic!r}, expected its byte order")
        return _BYTE_ORDERS.get(magic, "<")

    def _read_block(self, head: bytes, order: str) -> tuple[int, bytes] | None:
        """Return the type of a block, and its data if the type is known; None if it is cut off."""
        if len(head) < 8:
            return None
        kind, length = struct.unpack(f"{order}II", head)
        is_known = kind in (_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET)
        smallest = _SMALLEST_SECTION if kind == _SECTION else _SMALLEST_BLOCK
        if length < smallest or length % 4 or (is_known and length > _MAX_BLOCK_BYTES):
            raise self._wrong(f"a block of {counted(length, 'byte')}")
        left = length - 8
        if is_known:
            data = self._file.read(left)
            return (kind, data[:-4]) if len(data) == left else None
        while left:
            skipped = len(self._file.read(min(left, _SKIPPED_BYTES)))
            if not skipped:
                return None
            left -= skipped
        return kind, b""

    def _interface(self, data: bytes, order: str) -> _Interface:
        if len(data) < 8:
            raise self._wrong("an interface without a link type")
        (link_type,) = struct.unpack_from(f"{order}H", data)
        units, offset = 1_000_000, 0
        for code, value in _options(data, 8, order):
            if code == _TIME_UNIT and value:
                exponent = value[0] & 0x7F
                units = 1 << exponent if value[0] & 0x80 else 10 ** min(exponent, 38)
            elif code == _TIME_OFFSET and len(value) == 8:
                (offset,) = struct.unpack(f"{order}q", value)
        return _Interface(link_type, units, offset)

    def _packet(self, kind: int, data: bytes, order: str, interfaces: list[_Interface]) -> Packet:
        time: int | None = None
        try:
            if kind == _SIMPLE_PACKET:  # It has no time: that of the packet before it is taken.
                (size,) = struct.unpack_from(f"{order}I", data)
                index, begin, length = 0, 4, min(size, len(data) - 4)
            else:
                index, high, low, length, size = struct.unpack_from(f"{order}IIIII", data)
                begin, time = 20, high << 32 | low
                if kind == _OLD_PACKET:
                    (index,) = struct.unpack_from(f"{order}H", data)
        except struct.error:
            raise self._wrong("a packet without its lengths") from None
        self._check_length(length)
        if index >= len(interfaces) or begin + length > len(data):
            sized = f"{counted(length, 'byte')} of interface {index}"
            raise self._wrong(f"{sized}, in a block of {len(data)}")
        interface = interfaces[index]
        if time is not None:
            self._last_ns = interface.nanoseconds(time)
        return Packet(self._last_ns, interface.link_type, data[begin : begin + length], size)

    def _check_length(self, length: int) -> None:
        if length > MAX_PACKET_BYTES:
            raise self._wrong(
                f"found {counted(length, 'byte')}, expected at most {MAX_PACKET_BYTES}"
            )

    def _cut_off(self) -> None:
        self.damage = f"the file ends inside packet {self._number or 1}"

    def _wrong(self, text: str) -> PacketCaptureError:
        place = f"packet {self._number or 1}, before byte {self._file.tell()}"
        return PacketCaptureError(f"{place}: {text}")


def _options(data: bytes, start: int, order: str) -> Iterator[tuple[int, bytes]]:
    packing = Packing(f"{order}HH")
    while start + 4 <= len(data):
        code, length = packing.unpack_from(data, start)
        if code == _END_OF_OPTIONS:
            return
        yield code, data[start + 4 : start + 4 + length]
        start += 4 + length + -length % 4
