"""Exchanges of large cassettes that are added to a playback when a request may have their key.

Most calls of a long recording only read, and are alike but for their parameters. Their groups
(storage/exchange_outlines.py) are found when the cassette is opened. One exchange of each group is
added then, as are all that have an effect besides their answer: calls that change the cluster,
streams, calls of schedulers, whatever the compiled module does not know for certain. The others
wait in columns until a request has the type of their calls; then the keys of these are computed.
A playback of a million exchanges answers after 2 seconds instead of 30.

    deferred.defer(0, cassette)  ->  the rows of exchanges to be added now
    deferred.take(key)           ->  the exchanges that wait, if any has that key
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from msgspec.structs import replace

from ..causality.container_calls import container_call_of
from ..causality.subscribing_apis import SUBSCRIBING_APIS
from ..format.documents import CassetteError
from ..format.exchange_ref import ExchangeRef
from ..indexing.columns import rows_by_group
from ..matching.connections import RecordedConnection
from ..matching.ignore_rules import IgnoreRules
from ..matching.request_key import CallKey, PlainKey, RequestKey
from ..storage.exchange_outlines import ExchangeOutlines
from ..storage.reader import Cassette
from .call_digests import CallDigests
from .call_rows import CallRows
from .exchange_table import ExchangeTraits
from .recorded_exchanges import RecordedExchange, is_streamed_request, read_batch

MIN_BYTES = 4 << 20
"""All exchanges of a smaller cassette are added at once."""

_MIN_ROWS = 8
_MAX_GROUPS = 4096
"""The exchanges of a smaller group are added at once, and with more groups, all exchanges are."""


class LateExchange(NamedTuple):
    """An exchange that is added late."""

    key: RequestKey
    ref: ExchangeRef
    client: int
    traits: ExchangeTraits


class _SimilarExchanges:
    """Exchanges of a cassette that are like one which was read, except for their calls.

    `rows` are their positions in the cassette, without that one. If it `has_calls`, their bodies
    differ; else they have the same key. Once the digests of calls are known, `calls` has those that
    are not taken, and `others` calls that are not accepted, which have keys of another kind.
    """

    def __init__(
        self,
        outlines: ExchangeOutlines,
        rows: "array[int]",
        like: RecordedExchange,
        traits: ExchangeTraits,
    ) -> None:
        self.cassette = like.ref.cassette
        self.outlines = outlines
        self.rows = rows[1:]
        self.has_calls = outlines.has_body(rows[0])
        self.parsed = like.parsed
        self.request = like.request
        self.traits = traits
        self.calls: CallRows | None = None
        self.others: dict[int, RecordedExchange] = {}
        self.taken = set[int]()

    def ref(self, row: int) -> ExchangeRef:
        return ExchangeRef(self.cassette, self.outlines.numbers[row])

    def take(self, key: RequestKey, rows: Iterable[int]) -> Iterator[LateExchange]:
        for row in rows:
            self.taken.add(row)
            yield LateExchange(key, self.ref(row), self.outlines.clients[row], self.traits)

    def waiting(self) -> list[ExchangeRef]:
        return [self.ref(row) for row in self.rows if row not in self.taken]


class DeferredExchanges:
    """The exchanges that wait. `traits_of` returns the traits of a recorded exchange."""

    def __init__(
        self, ignoring: IgnoreRules, traits_of: Callable[[RecordedExchange], ExchangeTraits]
    ) -> None:
        self._ignoring = ignoring
        self._traits_of = traits_of
        self._cassettes: dict[int, Cassette] = {}
        self._calls = defaultdict[tuple[str, str], list[_SimilarExchanges]](list)
        self._equal = defaultdict[RequestKey, list[_SimilarExchanges]](list)
        self._last_taken: dict[RequestKey, ExchangeRef] = {}
        self._is_one_of_several = False
        self._is_reported = False

    @property
    def is_empty(self) -> bool:
        """True if nothing was deferred."""
        return not self._cassettes

    @property
    def groups(self) -> list[_SimilarExchanges]:
        """All groups."""
        return [each for by in (self._calls, self._equal) for many in by.values() for each in many]

    @property
    def waiting(self) -> list[ExchangeRef]:
        """The exchanges that were not taken."""
        return [ref for group in self.groups for ref in group.waiting()]

    @cached_property
    def is_shared(self) -> bool:
        """True if equal requests may have been recorded on several connections."""
        clients = (set(each.outlines.clients) for each in self.groups)
        return any(self._is_one_of_several or len(each) > 1 for each in clients)

    def defer(self, number: int, cassette: Cassette) -> list[int] | None:
        """Find the exchanges of a cassette that can wait; return the positions of the others.

        None stands for all. Raises CassetteError or OSError if the cassette cannot be read.
        """
        self._is_one_of_several = number > 0
        if cassette.length_bytes < MIN_BYTES or (outlines := cassette.outlines()) is None:
            return None
        if not 0 < outlines.group_count <= _MAX_GROUPS:
            return None
        self._cassettes[number] = cassette
        *groups, alone = rows_by_group(outlines.groups, outlines.group_count)
        now = list(alone)
        for rows in groups:
            first = self._read_deferrable(number, rows[0]) if len(rows) >= _MIN_ROWS else None
            if first is None:
                now += rows
                continue
            now.append(rows[0])
            group = _SimilarExchanges(outlines, rows, first, self._traits_of(first))
            key = first.parsed.key
            if isinstance(key, CallKey) and group.has_calls:
                self._calls[key.api, key.call_name].append(group)
            else:
                self._equal[key].append(group)
        return sorted(now)

    def steps(self) -> Iterator[tuple[RecordedConnection, int]]:
        """Return the recorded connections and numbers of all exchanges that waited at first.

        Nothing if all came on one connection: their order is asked for only if there are several.
        """
        for group in self.groups if self.is_shared else ():
            for row in group.rows:
                client = group.outlines.clients[row]
                yield RecordedConnection(group.cassette, client), group.outlines.numbers[row]

    def take(self, key: RequestKey) -> Iterator[LateExchange]:
        """Take the exchanges with a key. Others may be among them."""
        return self._noted(self._take(key))

    def take_all(self) -> Iterator[LateExchange]:
        """Take all exchanges that wait."""
        for group in self.groups:
            key = group.parsed.key
            yield from self.take(key)
            if isinstance(key, CallKey) and group.calls is not None:
                for digest, row in group.calls.take_all():
                    late = group.take(replace(key, message_digest=digest), [row])
                    yield from self._noted(late)

    def last_with(self, key: RequestKey) -> ExchangeRef | None:
        """Return the last exchange with a key that was taken; None without one."""
        return self._last_taken.get(key)

    def _noted(self, exchanges: Iterable[LateExchange]) -> Iterator[LateExchange]:
        for late in exchanges:
            self._last_taken[late.key] = max(late.ref, self._last_taken.get(late.key, late.ref))
            yield late

    def _take(self, key: RequestKey) -> Iterator[LateExchange]:
        for group in self._equal.get(key, ()):
            yield from group.take(key, [row for row in group.rows if row not in group.taken])
        for (api, call_name), groups in self._calls.items():
            for group in groups:
                if isinstance(key, CallKey):
                    may_have_key = (key.api, key.call_name) == (api, call_name)
                else:  # Calls that are not accepted have such keys.
                    may_have_key = key.path == group.parsed.path
                if may_have_key:
                    yield from self._take_calls(group, key)

    def unreported(self) -> Iterator[tuple[RequestKey, str, list[ExchangeRef]]]:
        """Return all that waited at first, once, for reports of misses (see `LateKeys`)."""
        if not self._is_reported:
            self._is_reported = True
            for group in self.groups:
                if group.has_calls:
                    self._calls_of(group)
                refs = [group.ref(row) for row in group.rows if row not in group.others]
                yield group.parsed.key, group.parsed.path, refs
                for other in group.others.values():
                    yield other.parsed.key, other.parsed.path, [other.ref]

    def _take_calls(self, group: _SimilarExchanges, key: RequestKey) -> Iterator[LateExchange]:
        calls = self._calls_of(group)
        for row, other in group.others.items():
            if row not in group.taken:
                group.taken.add(row)
                client, traits = other.exchange.client, self._traits_of(other)
                yield LateExchange(other.parsed.key, other.ref, client, traits)
        if isinstance(key, CallKey) and not key.refusal:
            yield from group.take(key, calls.take(key.message_digest))

    def _calls_of(self, group: _SimilarExchanges) -> CallRows:
        """Return the calls of a group by their digests, and find those that are not accepted."""
        if group.calls is None:
            server = self._cassettes[group.cassette].header.server
            digest_of = CallDigests(group.parsed, group.request, server, self._ignoring)
            calls = CallRows(group.outlines, group.rows, digest_of)
            others = self._read_rows(group.cassette, calls.others)
            group.others = dict(zip(calls.others, others, strict=True))
            group.calls = calls
        return group.calls

    def _read_rows(self, number: int, rows: Iterable[int]) -> list[RecordedExchange]:
        cassette = self._cassettes[number]
        return read_batch(number, cassette, list(cassette.exchange_heads(rows)), self._ignoring, {})

    def _read_deferrable(self, number: int, row: int) -> RecordedExchange | None:
        """Read the first exchange of a group; None if it is of no use when it is added late."""
        try:
            (recorded,) = self._read_rows(number, [row])
        except (CassetteError, ValueError):
            return None  # The error is reported when the exchange is added.
        return recorded if _is_deferrable(recorded, self._cassettes[number]) else None


def _is_deferrable(recorded: RecordedExchange, cassette: Cassette) -> bool:
    """Return whether a request only reads, and nothing of it counts before it is asked for."""
    parsed, request, response = recorded.parsed, recorded.request, recorded.exchange.response
    if (
        parsed.is_mutating
        or parsed.refusal is not None
        or response.stream is not None
        or response.cause is not None
        or is_streamed_request(request, cassette.header.server)
    ):
        return False
    if isinstance(parsed.key, PlainKey):
        return parsed.key.method == "GET" and not request.body
    call_type = parsed.call_type
    return (
        call_type is not None
        and parsed.key.api not in SUBSCRIBING_APIS
        and call_type.record_message is None
        and not call_type.causes_events
        and container_call_of(parsed) is None
        and parsed.key.api in ("master", "agent")
        and request.header("content-encoding") is None
    )
