"""Damaged streams by the million: `python bench/fuzz.py [INPUTS] [SEED]`, or `make fuzz`.

Each input is cut into random chunks; the findings have to cover it, and no input may take long.
One in sixteen is fed again in other chunks, and has to give the same findings.
"""

import base64
import gzip
import json
import multiprocessing
import os
import random
import resource
import sys
import time
from pathlib import Path

from mesotape.proto.diagnosis.examiner import Examiner, Finding
from mesotape.proto.diagnosis.reader_behaviour import reader_reactions

CORPUS = Path(__file__).parents[1] / "tests" / "data" / "corrupt" / "corpus.json.gz"
SLOW_SECONDS = 5.0
ABOUT = (
    (None, None),
    ("mesos.v1.master.Event", "json"),
    ("mesos.v1.master.Event", "protobuf"),
    ("mesos.v1.scheduler.Event", None),
    ("mesos.v1.agent.ProcessIO", "protobuf"),
)
BITS = (b"\n", b"20\n", b"0\n", b"+5\n", b"0x5\n", b"5\r\n", b"{", b"}", b'"', b"9" * 25, b"\0")
BITS += (
    b'20\n{"type":"HEARTBEAT"}',
    b"2\n\x08\x02",
    b"HTTP/1.1 500 No\r\n\r\n",
    b"1000\n",
    b"\xff",
)


def damaged(seeds: list[bytes], dice: random.Random) -> bytes:
    """Return a damaged piece of a stream; one in eight is built from random bytes only."""
    if dice.random() < 0.125:
        return b"".join(dice.choice((*BITS, dice.randbytes(8))) for _ in range(dice.randrange(30)))
    seed = dice.choice(seeds)
    start = dice.randrange(len(seed))
    data = bytearray(seed[start : start + dice.randrange(1, 2000)] if dice.random() < 0.7 else seed)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(5):
            case 0:
                data[at : at + 1] = dice.randbytes(1)
            case 1:
                del data[at : at + dice.randrange(1, 30)]
            case 2:
                data[at:at] = dice.choice(BITS)
            case 3:
                data[at:at] = data[at : at + dice.randrange(1, 200)]
            case _:
                data[at : at + 1] = b"%d" % dice.randrange(10)
    return bytes(data)


def found(data: bytes, about: tuple, dice: random.Random) -> list[Finding]:
    examiner, findings, at = Examiner(*about), [], 0
    largest = dice.choice((1, 16, 300, 1 << 16)) if len(data) < 300 else dice.choice((300, 1 << 16))
    while at < len(data):
        size = dice.randrange(1, largest + 1)
        findings += examiner.feed(data[at : at + size])
        at += size
    return findings + examiner.close()


def attack(task: tuple[int, int]) -> tuple[int, int, float, int]:
    """Try damaged inputs; return their number, bytes, the slowest in seconds, peak memory in KB."""
    seed, inputs = task
    dice = random.Random(seed)
    cases = json.loads(gzip.decompress(CORPUS.read_bytes()))
    seeds = [base64.b64decode(case["data"]) for case in cases]
    total, slowest = 0, 0.0
    for number in range(inputs):
        data, about = damaged(seeds, dice), dice.choice(ABOUT)
        began = time.perf_counter()
        findings = found(data, about, dice)
        slowest = max(slowest, time.perf_counter() - began)
        at = 0
        for one in findings:
            assert one.offset == at, (seed, number, data)
            at += one.size
            reader_reactions(one)
        assert at == len(data), (seed, number, data)
        assert slowest < SLOW_SECONDS, (seed, number, data)
        if number % 16 == 0:
            again = found(data, about, dice)
            assert [str(one) for one in again] == [str(one) for one in findings], (seed, number)
        total += len(data)
    return inputs, total, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    inputs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    processes = os.cpu_count() or 1
    tasks = [
        (seed + number, min(5000, inputs - at)) for number, at in enumerate(range(0, inputs, 5000))
    ]
    began, done, size, slowest, memory = time.perf_counter(), 0, 0, 0.0, 0
    with multiprocessing.Pool(processes) as pool:
        for one in pool.imap_unordered(attack, tasks):
            done, size = done + one[0], size + one[1]
            slowest, memory = max(slowest, one[2]), max(memory, one[3])
    seconds = time.perf_counter() - began
    print(
        f"{done} inputs, {size / 1e6:.0f} MB in {seconds:.0f} s: no crash, no hang;"
        f" slowest {slowest * 1000:.0f} ms, peak memory {memory / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
