"""`mesotape inspect` on a raw dump of 1 GB: memory, and the rate beside reading and decoding it.

python bench/inspection.py [MEGABYTES]
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
from record import EVENT

from mesotape.proto.recordio import encode

SUBSCRIBED = (
    b'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":15.0,"get_state":{}}}'
)
BLOCK = 1 << 20


def dump(path: Path, size: int) -> int:
    """Write a stream of ordinary events; gives how many there are."""
    block = encode(EVENT) * (BLOCK // len(EVENT))
    count = 0
    with path.open("wb") as file:
        file.write(encode(SUBSCRIBED))
        while file.tell() < size:
            file.write(block)
            count += BLOCK // len(EVENT)
    return count + 1


def plain(path: Path) -> None:
    """Do the least that can be done: cut by the lengths, and decode what is between."""
    left = b""
    with path.open("rb") as file:
        while data := file.read(BLOCK):
            data, at = left + data, 0
            while (newline := data.find(b"\n", at, at + 21)) >= 0:
                stop = newline + 1 + int(data[at:newline])
                if stop > len(data):
                    break
                msgspec.json.decode(data[newline + 1 : stop])
                at = stop
            left = data[at:]


def measure(*command: str) -> tuple[float, float, int]:
    """Peak memory in MB, seconds of CPU, exit code. A busy machine does not change these."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, process.returncode


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream"
        count = dump(path, size * 1_000_000)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {count} records", flush=True)
        runs = {
            "reading and decoding": (sys.executable, __file__, "--plain", str(path)),
            "inspect --summary": (
                sys.executable,
                "-m",
                "mesotape.proxy.cli",
                "inspect",
                "--summary",
                str(path),
            ),
            "inspect": (sys.executable, "-m", "mesotape.proxy.cli", "inspect", str(path)),
        }
        for name, command in runs.items():
            memory, seconds, code = measure(*command)
            assert code == 0, (name, code)
            rate = path.stat().st_size / 1e6 / seconds
            print(f"{name:22} {rate:6.0f} MB/s of CPU, peak {memory:.0f} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plain"]:
        plain(Path(sys.argv[2]))
    else:
        main()
