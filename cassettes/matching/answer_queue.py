"""Answer queues: the recorded answers to equal requests, and which of them is next.

Equal requests share a queue, whatever encoding they are written in and ask for. Each answer is
given once. After the last, a request that only reads gets the last answer again, unless `--repeat`
asks for something else (repeat_rules.py); a call that the recorded client or the recorder left
before its answer is not given again. A client prefers answers that were recorded in the encoding
that it accepts:

    recorded    1 json   2 protobuf   3 json
    json        1  3  3  3 …                   read: only answers in its own encoding
    json        1  3  2  (already played)      mutating call: all answers, its own encoding first
    protobuf    2  2  2 …
    other       1  2  3  3 …                   none in its own encoding: all in order, transcoded

A client with credentials and one without may get different answers (credentials.py). If several
clients made the requests, each gets the answers of the recorded client that it stands for
(connections.py).
"""

from itertools import compress

from ...proto.http.credentials import CredentialScheme
from ..format.exchange_ref import ExchangeRef
from .connections import ConnectionMap, ConnectionStep
from .credentials import NO_CREDENTIALS, RecordedCredentials, suit_credentials
from .queue_view import NO_STEP, QueueProgress, QueueView, Selection
from .repeat_rules import RepeatMode
from .request_key import AcceptedType
from .servers import ANY_SERVER, RecordedServer, ServerScope


class AnswerQueue:
    """The recorded exchanges of equal requests, in order.

    `is_shared` is true if they were recorded on several connections, which `connections` then tells
    apart. `progress` has a row for each, and may have those of other queues.
    """

    def __init__(
        self,
        *,
        mutating: bool,
        repeat: RepeatMode | None = None,
        connections: ConnectionMap | None = None,
        progress: QueueProgress | None = None,
    ) -> None:
        self.is_shared = False
        self._mutating = mutating
        self._repeat: RepeatMode = repeat or ("never" if mutating else "last")
        self._connections = ConnectionMap() if connections is None else connections
        self._progress = QueueProgress() if progress is None else progress
        self._rows: list[int] = []
        self._exchanges: list[tuple[ExchangeRef, AcceptedType, ConnectionStep]] = []
        self._servers: list[RecordedServer] = []
        self._abandoned = set[ExchangeRef]()
        self._credentials: list[RecordedCredentials] = []
        self._views: dict[tuple[AcceptedType, ServerScope, CredentialScheme], QueueView] = {}

    def add_exchange(
        self,
        exchange_ref: ExchangeRef,
        accepted_type: AcceptedType,
        step: ConnectionStep = NO_STEP,
        server: RecordedServer | None = None,
        credentials: RecordedCredentials = NO_CREDENTIALS,
        *,
        is_abandoned: bool = False,
        row: int | None = None,
    ) -> None:
        """Add an exchange: the type that its client accepted, its connection, server, credentials.

        `is_abandoned` is set if the recorded client or the recorder left before the answer. All
        exchanges are added before the first view is made. `row` is that of the progress, a new one
        if it is None.
        """
        self.is_shared = self.is_shared or (
            bool(self._exchanges) and self._exchanges[0][2].connection != step.connection
        )
        self._exchanges.append((exchange_ref, accepted_type, step))
        self._servers.append(server or RecordedServer(exchange_ref.cassette))
        self._credentials.append(credentials)
        self._rows.append(self._progress.add() if row is None else row)
        if is_abandoned:
            self._abandoned.add(exchange_ref)

    @property
    def unused(self) -> list[ExchangeRef]:
        """Exchanges that were never played."""
        pairs, played = zip(self._exchanges, self._rows, strict=True), self._progress.played
        return [exchange_ref for (exchange_ref, _, _), row in pairs if not played[row]]

    def view(
        self,
        accepted_type: AcceptedType,
        scope: ServerScope = ANY_SERVER,
        credentials: CredentialScheme = None,
    ) -> QueueView | None:
        """Return the queue for a response type, server scope and scheme, shared by all clients.

        None if no exchange of a server in the scope is for such credentials.
        """
        key = accepted_type, scope, credentials
        if key not in self._views:
            order = self._order(accepted_type, scope, credentials)
            if not order:
                return None
            connections = self._connections if self.is_shared else None
            answers = [each for each in order if each.exchange_ref not in self._abandoned]
            last = answers[-1] if answers else order[-1]
            self._views[key] = QueueView(
                order, last, self._progress, self._rows[0], self._repeat, connections
            )
        return self._views[key]

    def _candidates(self, scope: ServerScope, credentials: CredentialScheme) -> list[int]:
        """Return the indices of the exchanges of some servers that suit the credentials."""
        indices = [
            index
            for index, server in enumerate(self._servers)
            if scope is ANY_SERVER or server in scope
        ]
        suits = suit_credentials(credentials, [self._credentials[index] for index in indices])
        return list(compress(indices, suits))

    def _order(
        self, accepted_type: AcceptedType, scope: ServerScope, credentials: CredentialScheme
    ) -> list[Selection]:
        # A read gets only answers in its own encoding if there are any. The two encodings of a
        # master do not have the same contents (its protobuf GET_STATE lacks completed frameworks),
        # so with a mixture, tasks would vanish and come back from one answer to the next. Without
        # any, it gets all others transcoded, in the order of the recording.
        #
        # Each answer to a mutating call stands for one change of the cluster, so none is left out:
        # those in its own encoding first, because they need no transcoding, then the others.
        own: list[Selection] = []
        others: list[Selection] = []
        for index in self._candidates(scope, credentials):
            exchange_ref, recorded_type, step = self._exchanges[index]
            if recorded_type == accepted_type:
                own.append(Selection(exchange_ref, connection_step=step, row=self._rows[index]))
            else:
                others.append(Selection(exchange_ref, accepted_type, step, self._rows[index]))
        return own + others if self._mutating or not own else own
