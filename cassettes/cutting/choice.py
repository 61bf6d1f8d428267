"""What a user chooses of a cassette: what has one of the values of each property that is given.

    Choice(since=60, calls=("ACCEPT",), parties=("framework f-0001",))

`calls` choose exchanges, with their events, and `types` choose events. With both, both are chosen:
exchanges by their calls, and events by their types, whatever their stream.
"""

from math import inf

from msgspec import Struct


class Choice(Struct, frozen=True, kw_only=True):
    """The values of each property that are chosen; none: all are.

    `since` and `until` are times of the recording, both included. A client is the number of a
    connection or its address. A party is a kind, a name or both, as in `framework f-0001`. A call
    is a type or, for other requests, a path. A server is an actor or the address in `Host`. With
    `first_state`, the state in SUBSCRIBED events is that at `since`.
    """

    since: float = 0.0
    until: float = inf
    clients: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    first_state: bool = False

    def __str__(self) -> str:
        times = [("since", (self.since,) if self.since or self == Choice() else ())]
        times.append(("until", (self.until,) if self.until < inf else ()))
        words = [f"--{option} {_decimal(value)}" for option, values in times for value in values]
        names = ("client", self.clients), ("party", self.parties), ("call", self.calls)
        names = (*names, ("type", self.types), ("server", self.servers))
        words += [f"--{option} {value}" for option, values in names for value in values]
        return " ".join([*words, *(["--first-state"] if self.first_state else [])])

    @property
    def divides_parties(self) -> bool:
        """Whether only some of the calls or events of one party may be chosen."""
        return self != Choice(parties=self.parties)

    def is_in_time(self, at_seconds: float) -> bool:
        """Return whether a time is within the range."""
        return self.since <= at_seconds <= self.until

    def has_call(self, call: str) -> bool:
        """Return whether exchanges with this call are chosen."""
        return call in self.calls if self.calls else not self.types

    def has_event(self, call: str, event_type: str | None) -> bool:
        """Return whether events of a type are chosen, in the stream that answers a call."""
        if self.types:
            return event_type in self.types
        return not self.calls or call in self.calls


def _decimal(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
