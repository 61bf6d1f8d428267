"""A reference to a recorded exchange."""

from msgspec import Struct


class ExchangeRef(Struct, frozen=True, order=True, gc=False):
    """An exchange: the index of its cassette in the list, and its number there.

    References sort in this order, which is that of the recording.
    """

    cassette: int
    exchange: int
