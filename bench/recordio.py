"""RecordIO decoding at 1 KB records, beside copying the same bytes."""

import time

from mesotape.proto.recordio import Decoder, encode

READ = 1 << 16


def best(seconds: list[float]) -> float:
    return min(seconds)


def main() -> None:
    data = encode(b"x" * 1000) * 50_000
    decode: list[float] = []
    copy: list[float] = []
    for _ in range(5):
        decoder, began = Decoder(), time.perf_counter()
        for at in range(0, len(data), READ):
            decoder.feed(data[at : at + READ])
        decode.append(time.perf_counter() - began)
        source, target = bytearray(data), bytearray(len(data))
        began = time.perf_counter()
        target[:] = source
        copy.append(time.perf_counter() - began)
    print(
        f"decoding 1 KB records {len(data) / best(decode) / 1e6:.0f} MB/s,"
        f" memcpy {len(data) / best(copy) / 1e9:.1f} GB/s"
    )


if __name__ == "__main__":
    main()
