"""Other programs that the rows are compared with, in an environment of their own.

`make bench-peers` installs them into .venv-peers; rows whose peer is missing are skipped.
"""

from pathlib import Path

from processes import BENCH, Server
from table import Skipped

PEERS = BENCH.parent / ".venv-peers"


def python(module: str) -> Path:
    """Return the interpreter that has a module. Raises Skipped."""
    if not list(PEERS.glob(f"lib/python*/site-packages/{module}")):
        raise Skipped(f"{module} is not installed: make bench-peers")
    return PEERS / "bin" / "python"


def uvicorn() -> Server:
    return Server([python("uvicorn"), BENCH / "idle_peers.py", "uvicorn"])


def aiohttp() -> Server:
    return Server([python("aiohttp"), BENCH / "idle_peers.py", "aiohttp"])
