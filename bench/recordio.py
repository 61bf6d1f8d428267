"""RecordIO decoding, beside copying the same bytes."""

from collections.abc import Generator, Iterator

from processes import own_cpu_seconds
from table import MB_PER_SECOND, PER_SECOND, AtLeast, Pair, Row, Sample, Scope

from mesotape.proto.recordio import Decoder, encode

READ_BYTES = 1 << 16


def rate(record_bytes: int, scope: Scope) -> Iterator[tuple[int, int, float, float]]:
    """Yield bytes and records, and the seconds to decode and to copy them."""
    count = (scope.size(50_000_000, 5_000_000)) // record_bytes
    data = encode(b"x" * record_bytes) * count
    target = bytearray(len(data))

    def decode() -> None:
        decoder = Decoder()
        for at in range(0, len(data), READ_BYTES):
            decoder.feed(data[at : at + READ_BYTES])

    def copy() -> None:
        target[:] = data

    copy()
    while True:
        yield len(data), count, own_cpu_seconds(decode), own_cpu_seconds(copy)


def kilobyte_records(scope: Scope) -> Generator[Sample]:
    for size, _, decoding, copying in rate(1000, scope):
        yield Pair(size / decoding / 1e6, size / copying / 1e6)


def small_records(scope: Scope) -> Generator[Sample]:
    for _, count, decoding, _ in rate(100, scope):
        yield count / decoding


ROWS = [
    Row("decode 1 KB records", kilobyte_records, MB_PER_SECOND, AtLeast(0.5), peer="memcpy"),
    Row("decode 100 B records", small_records, PER_SECOND, AtLeast(2e6)),
]
