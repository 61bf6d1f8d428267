"""One playback in several processes: the memory that they share, and the answers of a worker.

One process, the parent, plays everything. The others, its workers, are forked from it when the
cassettes have been opened. A worker answers the requests that concern no other call: those of APIs
without subscriptions whose answer is whole, and which no event and no container waits for. For
everything else, a miss included, it has no answer, and the parent has to be asked.

What the order of requests decides is in shared memory: which of the recorded answers to equal
requests were given, and which connection stands for which recorded one. Whoever changes it has the
lock, so the answers are those of one process in which the requests arrive in that order.
"""

import fcntl
import mmap
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from ...proto.api import endpoints
from ...proto.http.request import HttpRequest
from ..answers.answer import ReplayResponse, StreamedResponse
from ..format.exchange_ref import ExchangeRef
from ..matching.connections import ConnectionMap
from ..matching.queue_view import QueueProgress, Selection
from ..matching.request_key import MatchableRequest
from ..matching.servers import ANY_SERVER, RecordedServers
from .answer_builder import ResponseOptions
from .exchange_index import ExchangeIndex, ExchangeMatch
from .journal import Journal

MAX_WORKER_BYTES = 4 * 1024 * 1024
"""Of a body that a worker sends, which then is in its memory until the client has read it."""

_BLOCK_ROWS = 1024
"""Counts that are compared at a time."""


class FileLock:
    """A lock between processes, which the kernel opens if its owner is killed."""

    def __init__(self) -> None:
        self.descriptor, path = tempfile.mkstemp(prefix="mesotape-")
        Path(path).unlink()
        weakref.finalize(self, os.close, self.descriptor)

    def __enter__(self) -> None:
        fcntl.lockf(self.descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self.descriptor, fcntl.LOCK_UN)


class SharedState:
    """What the processes of a playback of `rows` exchanges and some recorded connections share.

    `served_counts` has for each worker how often it has served each row.
    """

    def __init__(self, rows: int, connections: int, workers: int) -> None:
        self.lock = FileLock()
        self._rows, self._connections = rows, connections
        self._claimants = shared_column(connections, "Q")
        self._played_steps = shared_column(connections, "I")
        self._rounds = shared_column(rows, "I")
        self._given = shared_column(rows, "B")
        self._played = shared_column(rows, "B")
        self.served_counts = [shared_column(rows, "Q") for _ in range(workers)]
        self._seen_counts = [column.tobytes() for column in self.served_counts]

    def attach(self, progress: QueueProgress, connections: ConnectionMap) -> None:
        """Let a playback keep its state here, as if no request had been made.

        Raises ValueError if it has other exchanges.
        """
        if (len(progress.given), len(connections)) != (self._rows, self._connections):
            raise ValueError("the cassettes have other exchanges now")
        with self.lock:
            for column in (self._claimants, self._played_steps, self._given, self._played):
                column.cast("B")[:] = bytes(column.nbytes)
            for row in range(self._rows):  # Views of the queues begin again at another round.
                self._rounds[row] += 1
        progress.given, progress.played, progress.rounds = self._given, self._played, self._rounds
        connections.share(self._claimants, self._played_steps)

    def take_served(self, refs: Sequence[ExchangeRef]) -> Counter[ExchangeRef]:
        """Return what the workers have served since the last time; `refs` has the rows."""
        served = Counter[ExchangeRef]()
        for worker, column in enumerate(self.served_counts):
            now, before = column.tobytes(), self._seen_counts[worker]
            if now == before:
                continue
            self._seen_counts[worker] = now
            counts, counts_before = memoryview(now).cast("Q"), memoryview(before).cast("Q")
            for begin in range(0, len(refs), _BLOCK_ROWS):
                rows = range(begin, min(begin + _BLOCK_ROWS, len(refs)))
                if counts[begin : rows.stop] == counts_before[begin : rows.stop]:
                    continue
                for row in rows:
                    if more := counts[row] - counts_before[row]:
                        served[refs[row]] += more
        return served


def shared_column(length: int, code: Literal["B", "I", "Q"]) -> memoryview:
    """Return numbers, all 0, that this process shares with those that it forks."""
    size = length * {"B": 1, "I": 4, "Q": 8}[code]
    return memoryview(mmap.mmap(-1, max(size, mmap.PAGESIZE)))[:size].cast(code)


def _in_memory(answer: ReplayResponse | StreamedResponse) -> ReplayResponse | None:
    """Return an answer with its body; None for one that is sent in parts."""
    if not isinstance(answer, ReplayResponse) or len(answer.content) > MAX_WORKER_BYTES:
        return None
    return answer if isinstance(answer.content, bytes) else replace(answer, content=answer.body)


class SharedPlayback:
    """A playback in several processes: what the parent counts, and the answers of a worker.

    `build` builds an answer, and `is_constrained` tells whether something waits for an exchange.
    The class is the same in all processes; `served_counts` is set in a worker.
    """

    def __init__(
        self,
        state: SharedState,
        index: ExchangeIndex,
        servers: RecordedServers,
        matchable: Callable[[HttpRequest], MatchableRequest],
        build: Callable[[Selection, ResponseOptions, float], ReplayResponse | StreamedResponse],
        is_constrained: Callable[[ExchangeRef], bool],
        journal: Journal,
    ) -> None:
        self.state = state
        self.connections = index.connections
        self.served_counts = shared_column(0, "Q")
        self._index = index
        self._table = index.table
        self._servers = servers
        self._matchable = matchable
        self._build = build
        self._is_constrained = is_constrained
        self._journal = journal
        self._are_alike = servers.are_alike
        self._is_shared = index.is_shared

    @property
    def independent_count(self) -> int:
        """How many exchanges a worker can answer."""
        return sum(map(self._is_independent, range(len(self._table.refs))))

    def take_served(self) -> None:
        """Add to the journal what the workers have served."""
        self._journal.served.update(self.state.take_served(self._table.refs))

    def answer(
        self, request: HttpRequest, now_seconds: float, client: int, at: frozenset[int] | None
    ) -> ReplayResponse | None:
        """Answer a request in a worker, with the arguments of `Playback.answer`.

        None if that is for the parent to do; then nothing has changed.
        """
        match = self._find(request, at)
        if match is None or (view := match.queue_view) is None:
            return None
        # After the last answer there is nothing to decide, and no need for the lock.
        if (repeated := view.repeated) is not None:
            answer = self._whole(repeated, match.response_options, now_seconds)
            if answer is not None:
                self._record_repeated(repeated, client)
            return answer
        with self.state.lock:
            selection = view.peek(client, match.client_hints)
            if selection is None:
                return None
            answer = self._whole(selection, match.response_options, now_seconds)
            if answer is not None:
                self._table.progress.give(selection.row)
                self.served_counts[selection.row] += 1
                if self._is_shared:
                    self.connections.record_played(client, selection.connection_step)
            return answer

    def _record_repeated(self, selection: Selection, client: int) -> None:
        self.served_counts[selection.row] += 1
        if self._is_shared:
            step = selection.connection_step
            others = self.connections.changes_others(client, step)
            with self.state.lock if others else nullcontext():
                self.connections.record_played(client, step)

    def _find(self, request: HttpRequest, at: frozenset[int] | None) -> ExchangeMatch | None:
        """Return the queues for a request, unless it is of an API with subscriptions."""
        if at is None and self._are_alike:
            scope = ANY_SERVER
        else:
            scope = self._servers.scope_of(request, at)
        match = self._index.cached_matches.get(request, scope)
        if match is None:
            if endpoints.is_actor_message(request.text_headers):
                return None
            found = self._index.find_match(self._matchable(request), scope)
            match = found if isinstance(found, ExchangeMatch) else None
        return match if match is not None and match.subscriber is None else None

    def _whole(
        self, selection: Selection, options: ResponseOptions, now_seconds: float
    ) -> ReplayResponse | None:
        """Build an answer; None if it is not whole, waits, or there is something to report."""
        if not self._is_independent(selection.row):
            return None
        try:
            answer = self._build(selection, options, now_seconds)
            if selection.exchange_ref not in self._journal.lost_fields:
                return _in_memory(answer)
        except Exception:  # The parent fails in the same way, and reports it.
            return None
        return None

    def _is_independent(self, row: int) -> bool:
        return self._table.is_independent(row) and not self._is_constrained(self._table.refs[row])
