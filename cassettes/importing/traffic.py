"""What a reader of another format returns: traffic in the order of the file.

Most formats have whole exchanges, which become observations as a proxy would have made them; so the
recording does the rest. Files that mesotape wrote have a `header`, and may have documents.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.apis import ServerKind
from ...proto.http.address import ServerUrl
from ...proto.http.headers import header_value
from ...proto.recordio import Decoder
from ..format.documents import Document, Header, Note
from ..interchange.losses import Losses
from ..recording.observations import AnyObservation
from ..recording.whole_exchange import WholeExchange, observe_exchange

RECORD_TIMES = (
    "HTTP chunks and times of records are not in the file: each record is a chunk, at once"
)


class ForeignFileError(ValueError):
    """A file cannot be imported. The text has the reason, without the name of the file."""


class Traffic(Struct, frozen=True, kw_only=True):
    """The contents of a file.

    `tool` wrote it. `recorded_at` is the time that the times in `items` count from, None if the
    file has no times. `header` is that of the cassette that was exported. `origins` are complete
    when all items were read. `server` is the kind of the server if the file tells it.
    """

    tool: str
    items: Iterator[AnyObservation | Document]
    recorded_at: datetime.datetime | None = None
    origins: "Origins | None" = None
    server: ServerKind | None = None
    header: Header | None = None


class Origins:
    """The servers that requests went to, as `http://host:port`, of which one may be chosen."""

    def __init__(self, chosen: str | None = None) -> None:
        self.counts = Counter[str]()
        self._chosen = None if chosen is None else _normal(chosen)

    def keep(self, origin: str) -> bool:
        """Count a request to a server; return whether that is the chosen one, if one is."""
        self.counts[_normal(origin)] += 1
        return self.is_chosen(origin)

    def is_chosen(self, origin: str) -> bool:
        """Whether a server is the chosen one, or none is."""
        return self._chosen in (None, _normal(origin))

    @property
    def only(self) -> str | None:
        """The server if it was chosen or is the only one."""
        if self._chosen is not None:
            return self._chosen
        return next(iter(self.counts)) if len(self.counts) == 1 else None


def _normal(origin: str) -> str:
    try:
        return str(ServerUrl.parse(origin))
    except ValueError:
        return origin


def observe_all(exchanges: Iterable[WholeExchange | Note]) -> Iterator[AnyObservation | Document]:
    """Iterate over the observations of exchanges, and over notes."""
    for exchange in exchanges:
        if isinstance(exchange, Note):
            yield exchange
        else:
            yield from observe_exchange(exchange)


def with_record_chunks(exchange: WholeExchange, losses: Losses) -> WholeExchange:
    """Return an exchange with the records of a chunked answer as its chunks, as Mesos sends them.

    The format has neither the chunks nor their times.
    """
    response = exchange.response
    if response is None or not response.body or response.chunks is not None:
        return exchange
    if (header_value(response.headers, "transfer-encoding") or "").lower() != "chunked":
        return exchange
    decoder = Decoder()
    pieces = [*decoder.feed(response.body), *decoder.close()]
    if len(pieces) > 1:
        losses.add(RECORD_TIMES, exchange.number)
    chunks = [(piece.size, response.at) for piece in pieces]
    return replace(exchange, response=replace(response, chunks=chunks))


class FreeConnections:
    """Numbers the connections of clients, where a format has no connections, or those of HTTP/2.

    One connection of HTTP/1.1 has one exchange at a time.
    """

    def __init__(self) -> None:
        self._count = 0
        self._ends: dict[object, dict[int, float]] = {}

    def find(self, connection: object, at: float, ended_at: float) -> int:
        """Return the number of a free one of the connections that the format has as `connection`.

        Exchanges are given in the order of time.
        """
        ends = self._ends.setdefault(connection, {})
        number = next((number for number, end in ends.items() if end <= at), None)
        if number is None:
            self._count += 1
            number = self._count
        ends[number] = ended_at
        return number
