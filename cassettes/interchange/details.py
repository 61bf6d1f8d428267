"""What a cassette knows of an exchange, and other formats have no member for.

    "_mesotape": {"exchange": 3, "at": 0.2, "client": 1, "ended_at": 9.5, "chunks": [[110, 0.4], …

Files that mesotape wrote have it in a member that other tools ignore, so that it comes back.
"""

from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from ..format.documents import EndCause, Header, Note
from ..recording.whole_exchange import Chunks, WholeExchange, WholeMessage

DETAILS_NAME = "_mesotape"
"""The member of a HAR that has the details; names of own members begin with `_`."""


class CassetteDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What belongs to no exchange: the header, and the notes."""

    header: Header | None = None
    notes: list[Note] = []


class MessageDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of a request or response: its time, see `WholeRequest.ended_at` and `WholeResponse.at`."""

    at: float | None = None
    chunks: Chunks | None = None
    missing: str | None = None

    def apply[M: WholeMessage](self, message: M) -> M:
        """Return a message with these details; chunks that do not fit an edited body are left."""
        fits = sum(size for size, _ in self.chunks or ()) == len(message.body)
        chunks = self.chunks if fits else message.chunks
        return replace(message, chunks=chunks, missing=self.missing)


class ExchangeDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The details of a `WholeExchange`; `path` if it is not that of the URL."""

    exchange: int
    at: float
    client: int
    peer: str | None = None
    path: str | None = None
    version: str = "HTTP/1.1"
    request: MessageDetails
    response: MessageDetails | None = None
    ended_at: float | None = None
    cause: EndCause = "server"

    @classmethod
    def of(cls, exchange: WholeExchange, path: str) -> Self:
        """Return the details of an exchange; `path` is what the other format has."""
        request, response = exchange.request, exchange.response
        return cls(
            exchange=exchange.number,
            at=exchange.at,
            client=exchange.client,
            peer=exchange.peer,
            path=None if request.path == path else request.path,
            version=request.version,
            request=MessageDetails(
                at=request.ended_at, chunks=request.chunks, missing=request.missing
            ),
            response=None
            if response is None
            else MessageDetails(at=response.at, chunks=response.chunks, missing=response.missing),
            ended_at=exchange.ended_at,
            cause=exchange.cause,
        )

    def apply(self, exchange: WholeExchange) -> WholeExchange:
        """Return an exchange as it was in the cassette."""
        request = self.request.apply(exchange.request)
        path = request.path if self.path is None else self.path
        response = exchange.response
        if response is not None and self.response is not None:
            at = response.at if self.response.at is None else self.response.at
            response = replace(self.response.apply(response), at=at)
        return WholeExchange(
            number=self.exchange,
            at=self.at,
            client=self.client,
            peer=self.peer,
            request=replace(request, path=path, version=self.version, ended_at=self.request.at),
            response=response,
            ended_at=self.ended_at,
            cause=self.cause,
        )
