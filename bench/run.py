"""All measurements, one after the other: `make bench`."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = (
    "startup",
    "recordio",
    "replay",
    "matching",
    "record",
    "memory",
    "pace",
    "stall",
    "inspection",
    "causality",
    "streams",
)

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        print(f"\n{name}", flush=True)
        subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=True)
