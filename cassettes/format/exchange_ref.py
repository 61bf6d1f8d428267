"""A reference to a recorded exchange."""

from msgspec import Struct


class ExchangeRef(Struct, frozen=True):
    """An exchange: the cassette, by its place in the list, and the exchange's number."""

    cassette: int
    exchange: int
