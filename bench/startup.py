"""CPU of `mesotape --help`."""

import os
import subprocess
import sys


def cpu_seconds() -> float:
    command = [sys.executable, "-m", "mesotape.proxy.cli", "--help"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    print(f"mesotape --help: {min(cpu_seconds() for _ in range(5)):.2f} s CPU")
