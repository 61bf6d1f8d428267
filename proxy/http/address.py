"""Addresses to listen on: HOST:PORT."""

from typing import NamedTuple


class Address(NamedTuple):
    """Where to listen; port 0 means any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
