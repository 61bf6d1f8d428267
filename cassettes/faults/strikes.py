"""Strikes: where a fault struck, and what it did."""

from msgspec import Struct


class Strike(Struct, frozen=True, kw_only=True):
    """One strike of a fault, at a call. `exchange` is 0 if the call was not taken."""

    fault: str
    exchange: int
    call: str
    what: str

    def __str__(self) -> str:
        at = f"exchange {self.exchange}, {self.call}" if self.exchange else self.call
        return f"fault {self.fault} struck: {at}: {self.what}"
