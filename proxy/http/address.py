"""Addresses to listen on: HOST:PORT."""

from typing import NamedTuple


class Address(NamedTuple):
    """Where to listen; port 0 means any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


LOOPBACK = Address("127.0.0.1", 0)
"""Where a server listens by default: any free port, for this machine only."""
