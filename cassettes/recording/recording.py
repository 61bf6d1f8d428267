"""From the observations of a proxy to the documents of a cassette, without I/O.

Feed observations in order. Documents are returned as soon as they are complete: an exchange with a
streamed response with the head of its response, any other exchange with its end, events one by one.
A body or record that does not decode is kept as bytes, with the reason. Secrets are replaced here.

Documents that are bytes have the layout of the file already, as most events do.

Nothing here may read the clock: times are those of the observations.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from ...proto.api.apis import ServerKind
from ...proto.api.endpoints import find_api
from ..format.documents import Document, End, Note, Side
from ..redaction.redactor import Redactor
from .held_body import DEFAULT_MAX_BODY_BYTES, HeldBytes
from .observations import (
    AnyObservation,
    BodyData,
    DroppedData,
    ExchangeEnd,
    MissingBody,
    RecorderNote,
    RecordingContinued,
    RecordingDiscarded,
    RecordingStopped,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from .open_exchange import OpenExchange
from .output_window import OutputWindow


class Recording:
    """Turns observations into documents, for any number of exchanges at once.

    `server` is the kind of the recorded server, None if it is unknown. Secrets are replaced by
    `redactor`; without one, by the default rules. A body or record longer than `max_body_bytes` is
    omitted, with a note, and also one that arrives while others hold twice as much.
    """

    def __init__(
        self,
        server: ServerKind | None = None,
        redactor: Redactor | None = None,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    ) -> None:
        self._server: ServerKind | None = server
        self._redactor = Redactor() if redactor is None else redactor
        self._window = OutputWindow(self._redactor)
        self._held = HeldBytes(max_body_bytes)
        self._open: dict[int, OpenExchange] = {}

    def feed(self, observation: AnyObservation) -> list[Document | bytes]:
        """Return the documents that an observation completes; none if its exchange is unknown."""
        return list(self.feed_run(observation))

    def feed_run(
        self, first: AnyObservation, rest: Iterable[AnyObservation] = ()
    ) -> Iterator[Document | bytes]:
        """Yield the same as `feed` for an observation and `rest`: data of the same side, if any.

        After an error, the observations that were not taken are left in `rest`.
        """
        if not isinstance(first, BodyData):
            return self._redacted(self._documents(first))
        if (exchange := self._open.get(first.exchange)) is None:
            return iter(())
        run = (one for one in chain([first], rest) if isinstance(one, BodyData))
        return self._redacted(exchange.take(first.side, run))

    def _redacted(self, made: Iterable[Document | bytes]) -> Iterator[Document | bytes]:
        """Redact each document before the next one is made, because it may have new secrets."""
        redact = self._redactor.redact
        for document in made:
            if isinstance(document, bytes):
                yield document
            else:
                yield from map(redact, self._window.feed(document))

    @property
    def open_exchanges(self) -> list[int]:
        """The numbers of the exchanges that have not ended."""
        return list(self._open)

    def drop(self, number: int) -> None:
        """Record nothing more of an exchange."""
        self._open.pop(number, None)

    def continue_events(self, number: int, counts: Mapping[Side, int]) -> None:
        """Number the next events of an exchange after those that are in the cassette already."""
        self._open[number].continue_events(counts)

    def stream_ends(self, at: float) -> list[End]:
        """Return ends of the open streams as if they were stopped; they stay open."""
        return [
            End(end=number, at=round(at, 6), cause="stopped")
            for number, exchange in self._open.items()
            if exchange.is_streaming
        ]

    def _documents(self, observation: AnyObservation) -> Sequence[Document | bytes]:
        at = observation.at_seconds
        match observation:
            case RequestHead():
                api = find_api(observation.path, self._server)
                self._open[observation.exchange] = OpenExchange(
                    observation, api, self._redactor.is_suspect, self._held
                )
                return []
            case BodyData() | RecordingDiscarded() | RecordingContinued():
                return []
            case RecorderNote():
                return [Note(note=observation.text, at=at, of=observation.exchange or None)]
            case RecordingStopped():
                ends = [ExchangeEnd(number, at, "stopped") for number in self._open]
                return [document for end in ends for document in self._documents(end)]
            case _ if (exchange := self._open.get(observation.exchange)) is None:
                return []
            case ResponseHead():
                return exchange.respond(observation)
            case RequestEnd():
                return exchange.end_request(at)
            case DroppedData():
                return exchange.note_loss(observation)
            case MissingBody():
                return exchange.note_missing_body(observation)
            case ExchangeEnd():
                del self._open[observation.exchange]
                return exchange.end(observation)
