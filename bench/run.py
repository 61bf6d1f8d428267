"""All measurements, one after the other: `make bench`. None stops the rest if over its limit."""

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
    over_limit: list[str] = []
    for name in sys.argv[1:] or NAMES:
        print(f"\n{name}", flush=True)
        done = subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False)
        if done.returncode != 0:
            over_limit.append(name)
    if over_limit:
        sys.exit(f"over a limit, or failed: {', '.join(over_limit)}")
