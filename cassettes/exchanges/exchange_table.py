"""The recorded exchanges of a playback in columns, by the keys of their requests.

Most keys have one exchange, and many are never asked for. So an exchange is a row of some 20 bytes,
and the queue of answers to a key is built when it is first asked for: a queue with its lists takes
a kilobyte and several microseconds.
"""

from array import array
from functools import cached_property
from typing import NamedTuple

from ..format.exchange_ref import ExchangeRef
from ..matching.answer_queue import AnswerQueue
from ..matching.connections import (
    ClientHints,
    ConnectionMap,
    ConnectionStep,
    RecordedConnection,
)
from ..matching.credentials import RecordedCredentials
from ..matching.queue_view import QueueProgress
from ..matching.repeat_rules import RepeatRules
from ..matching.request_key import AcceptedType, RequestKey
from ..matching.servers import RecordedServer


class ExchangeTraits(NamedTuple):
    """What an exchange has in common with most others of its client; see `AnswerQueue`.

    `is_independent` is true unless its answer is a stream or depends on one.
    """

    accepted_type: AcceptedType
    hints: ClientHints
    server: RecordedServer
    credentials: RecordedCredentials
    is_abandoned: bool
    is_mutating: bool
    call_name: str | None
    is_independent: bool


class ExchangeTable:
    """The exchanges, in the order in which they are added, and their queues.

    `is_shared` is true if equal requests were recorded on several connections. `refs` has the
    exchanges by row.
    """

    def __init__(self, repeats: RepeatRules, connections: ConnectionMap) -> None:
        self.is_shared = False
        self._repeats = repeats
        self._connections = connections
        self._queues: dict[RequestKey, AnswerQueue] = {}
        self._rows_by_key: dict[RequestKey, int | list[int]] = {}
        # The columns. Equal traits are kept once, by number.
        self.refs: list[ExchangeRef] = []
        self._clients = array("Q")
        self._traits = array("I")
        self._traits_by_number: list[ExchangeTraits] = []
        self._numbers_by_traits: dict[ExchangeTraits, int] = {}

    @cached_property
    def progress(self) -> QueueProgress:
        """Which of the answers were given, by row."""
        return QueueProgress(len(self.refs))

    def add(
        self,
        key: RequestKey,
        ref: ExchangeRef,
        client: int,
        traits: ExchangeTraits,
        *,
        is_late: bool = False,
    ) -> None:
        """Add an exchange. All with a key are added before its queue is asked for.

        Others are added in the order of the recording. One that `is_late` is known to the
        connections already.
        """
        row = len(self.refs)
        rows = self._rows_by_key.setdefault(key, row)
        if isinstance(rows, list):
            rows.append(row)
        elif rows != row:
            self._rows_by_key[key] = [rows, row]
        self.refs.append(ref)
        if "progress" in vars(self):
            self.progress.add()
        self._clients.append(client)
        connection = RecordedConnection(ref.cassette, client)
        if not is_late:
            self._connections.add_step(connection, ref.exchange)
        number = self._numbers_by_traits.get(traits)
        if number is None:
            number = self._numbers_by_traits[traits] = len(self._traits_by_number)
            self._traits_by_number.append(traits)
        self._traits.append(number)
        if rows != row and not self.is_shared:
            first = rows[0] if isinstance(rows, list) else rows
            self.is_shared = self._connection(first) != connection

    def queue(self, key: RequestKey) -> AnswerQueue | None:
        """Return the queue of answers to a key; None if there are none."""
        queue = self._queues.get(key)
        if queue is None and (rows := self._rows_by_key.get(key)) is not None:
            queue = self._queues[key] = self._build_queue([rows] if isinstance(rows, int) else rows)
        return queue

    def is_independent(self, row: int) -> bool:
        """Return whether an answer is no stream, and depends on none."""
        return self._traits_of(row).is_independent

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were not served."""
        played = self.progress.played
        return [ref for ref, was_played in zip(self.refs, played, strict=True) if not was_played]

    def _build_queue(self, rows: list[int]) -> AnswerQueue:
        traits = self._traits_of(rows[0])
        repeat = self._repeats.mode_for(traits.call_name, mutating=traits.is_mutating)
        queue = AnswerQueue(
            mutating=traits.is_mutating,
            repeat=repeat,
            connections=self._connections,
            progress=self.progress,
        )
        for row in sorted(rows, key=self.refs.__getitem__):
            traits, ref, connection = self._traits_of(row), self.refs[row], self._connection(row)
            before = self._connections.steps_before(connection, ref.exchange)
            queue.add_exchange(
                ref,
                traits.accepted_type,
                ConnectionStep(connection, before, traits.hints),
                traits.server,
                traits.credentials,
                is_abandoned=traits.is_abandoned,
                row=row,
            )
        return queue

    def _traits_of(self, row: int) -> ExchangeTraits:
        return self._traits_by_number[self._traits[row]]

    def _connection(self, row: int) -> RecordedConnection:
        return RecordedConnection(self.refs[row].cassette, self._clients[row])
