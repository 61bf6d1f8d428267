"""Calls and events that belong together by their ids: an offer and the call that accepts it.

    event   OFFERS o1, o2                    call  ACCEPT o1, which launches task t1
    event   UPDATE t1, uuid 7f3c…            call  ACKNOWLEDGE 7f3c…

A client answers an event by a call with an id of it, which the server has invented: the id of an
offer, or a uuid. So the call needs the event, and the event needs the call: without the event the
client does not make the call, and without the call its answer would be a miss. An id of a task or
an operation links an event or a call to what was before: the launch of the task, its earlier states
and their acknowledgements.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from math import inf

from google.protobuf.message import Message

from ...proto.messages.ids import ASSIGNED_BY_MESOS, id_fields
from ..causality.identities import ClientIdentity

NO_DOCUMENT = -1
"""Stands for the document of a call."""

_SUBSCRIBER_KINDS = ("framework", "resource provider", "executor")
_INVENTED_BY_CLIENT = ("task-id", "operation-id")


class _Items:
    """The calls and events of a party, and their ids as digests, in one array for all.

    An item is an event, by the number of its document, or a call: `NO_DOCUMENT`. The ids of item n
    are `ids[starts[n]:starts[n + 1]]`. An odd digest is of an id that the server has invented.
    """

    def __init__(self) -> None:
        self.documents = array("q")
        self.exchanges = array("Q")
        self.times = array("d")
        self.starts = array("Q", [0])
        self.ids = array("Q")

    def add(
        self, document: int, exchange: int, at_seconds: float, messages: Iterable[Message]
    ) -> bool:
        """Add an item. Return whether it has an id."""
        ids = {_digest(field.kind, field.value) for each in messages for field in id_fields(each)}
        ids.discard(0)
        if ids:
            self.documents.append(document)
            self.exchanges.append(exchange)
            self.times.append(at_seconds)
            self.ids.extend(ids)
            self.starts.append(len(self.ids))
        return bool(ids)


class AnsweredIds:
    """The ids in the calls and events of subscribers, by party."""

    def __init__(self) -> None:
        self._parties = defaultdict[ClientIdentity, _Items](_Items)

    def add_call(
        self, party: ClientIdentity, exchange: int, at_seconds: float, calls: Iterable[Message]
    ) -> bool:
        """Add a call of a party. Return whether it may answer events: it has an id."""
        if party.kind not in _SUBSCRIBER_KINDS:
            return False
        return self._parties[party].add(NO_DOCUMENT, exchange, at_seconds, calls)

    def add_event(
        self, party: ClientIdentity, document: int, exchange: int, at_seconds: float, event: Message
    ) -> None:
        """Add an event of a party, of the stream of an exchange."""
        self._parties[party].add(document, exchange, at_seconds, (event,))

    def has_calls(self, party: ClientIdentity) -> bool:
        """Return whether the party has made a call with an id."""
        return party in self._parties

    def keep_related(
        self,
        party: ClientIdentity,
        is_kept: Callable[[int, int], bool],
        keep: Callable[[int, int], None],
    ) -> None:
        """Call `keep` for each event and call that shares an id with one that is kept.

        By an id that a client has invented only what was before the latest kept item is needed.
        What `keep` adds may need more, so this goes on until nothing is added. Both functions get
        the document of an event, NO_DOCUMENT for a call, and the exchange.

        The items are swept in the order of time and back, since most chains of needs go one way.
        The first sweep that changes nothing is the last.
        """
        items = self._parties[party]
        order = sorted(range(len(items.documents)), key=items.times.__getitem__)
        wanted: dict[int, float] = {}  # the latest time of what is kept, by id
        has_changed = True
        while has_changed:
            has_changed = False
            for position in order:
                item = items.documents[position], items.exchanges[position]
                at_seconds = items.times[position]
                ids = items.ids[items.starts[position] : items.starts[position + 1]]
                if not is_kept(*item):
                    if not any(_is_wanted(each, at_seconds, wanted) for each in ids):
                        continue
                    keep(*item)
                    has_changed = True
                for each in ids:
                    if wanted.get(each, -1.0) < at_seconds:
                        wanted[each] = at_seconds
                        has_changed = True
            order.reverse()


def _is_wanted(digest: int, at_seconds: float, wanted: dict[int, float]) -> bool:
    latest = wanted.get(digest)
    return latest is not None and at_seconds <= (inf if digest & 1 else latest)


def _digest(kind: str, value: str | bytes) -> int:
    """Return a digest of an id, odd if the server has invented it; 0 for other kinds."""
    if not value or kind not in ASSIGNED_BY_MESOS + _INVENTED_BY_CLIENT:
        return 0
    data = value if isinstance(value, bytes) else value.encode()
    digest = int.from_bytes(blake2b(data, digest_size=8, person=kind.encode()).digest()) & ~1
    return digest | (kind in ASSIGNED_BY_MESOS) or 2
