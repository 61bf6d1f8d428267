"""Flow files of mitmproxy (`mitmdump -w`) as exchanges, read with mitmproxy's own reader.

That reader knows the formats of all versions. Flows of other protocols are counted. Bodies that
were streamed through the proxy are not in the file.
"""

import contextlib
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from typing import BinaryIO, NamedTuple, override

from mitmproxy.exceptions import FlowReadException
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow, Message
from mitmproxy.io import FlowReader

from ...cassettes.format.documents import Exchange, Note, Request, Response
from ...cassettes.format.headers import decompress_body, group_headers
from ...cassettes.importing.traffic import ForeignFileError
from ...cassettes.recording.observations import HeaderFields
from ...cassettes.recording.whole_exchange import (
    WholeExchange,
    WholeMessage,
    WholeRequest,
    WholeResponse,
)
from ...proto.http.address import Address
from ...proto.http.gzip_coding import ContentCodingError

_LENGTH_BYTES = 16


class FlowFileError(ForeignFileError):
    """A file is not what mitmproxy writes; the text says which flow, where it begins, and why."""


class FlowPlace(NamedTuple):
    """A flow of a file: its number from 1, and where it begins."""

    number: int
    offset: int

    @override
    def __str__(self) -> str:
        """Format it for an error."""
        return f"flow {self.number}, at byte {self.offset}"


def read_flow_exchanges(file: BinaryIO) -> Iterator[Exchange | Note]:
    """Read the HTTP flows of a file, in order. Times are seconds since the first request.

    Bodies are in `base64`, content coding undone; one that is not what its Content-Encoding says
    stays as it was received. A request without an answer has no `status`. Notes have the error of a
    flow, name bodies that are not in the file, and count the flows of other protocols. Raises
    FlowFileError.
    """
    began: float | None = None
    clients: dict[str, int] = {}
    others = Counter[str]()
    number = 0
    for flow, place in read_flows(file):
        if not isinstance(flow, HTTPFlow):
            others[flow.type] += 1
            continue
        number += 1
        client = clients.setdefault(flow.client_conn.id, len(clients) + 1)
        began = flow.request.timestamp_start if began is None else began
        with wrong_members(place):
            documents = [*_to_documents(flow, to_whole_exchange(flow, number, client, began))]
        yield from documents
    if others:
        yield Note(note=f"left out, for they are not HTTP: {counts_text(others)}", at=0.0)


def _to_documents(flow: HTTPFlow, exchange: WholeExchange) -> Iterator[Exchange | Note]:
    request, response = exchange.request, exchange.response
    answer = Response(after=0.0)
    if response is not None:
        answer = Response(
            after=max(0.0, response.at - exchange.at),
            status=response.status,
            headers=group_headers(response.headers),
            base64=_plain_body(response),
        )
    yield Exchange(
        exchange=exchange.number,
        at=exchange.at,
        client=exchange.client,
        peer=exchange.peer,
        request=Request(
            method=request.method,
            path=request.path,
            headers=group_headers(request.headers),
            base64=_plain_body(request),
        ),
        response=answer,
    )
    for name, message in (("request", request), ("response", response)):
        if message is not None and message.missing is not None:
            text = f"the body of the {name} is not in the file: {message.missing}"
            yield Note(note=text, at=exchange.at, of=exchange.number)
    if flow.error is not None:
        text = f"the flow ended with an error: {flow.error.msg}"
        yield Note(note=text, at=exchange.at, of=exchange.number)


def _plain_body(message: WholeMessage) -> bytes | None:
    """Return what was received of a body, its content coding undone; None if nothing was."""
    if not message.body:
        return None
    try:
        return decompress_body(message.body, group_headers(message.headers))
    except ContentCodingError:
        return message.body


def to_whole_exchange(flow: HTTPFlow, number: int, client: int, began: float) -> WholeExchange:
    """Return the exchange of a flow; `began` is the time that its times are counted from."""
    request, response, peer = flow.request, flow.response, flow.client_conn.peername

    def seconds(timestamp: float | None, before: float) -> float:
        return before if timestamp is None else max(before, round(timestamp - began, 6))

    at = seconds(request.timestamp_start, 0.0)
    answered_at = seconds(response and response.timestamp_start, at)
    is_complete = response is not None and flow.error is None
    return WholeExchange(
        number=number,
        at=at,
        client=client,
        peer=str(Address(*peer[:2])) if peer else None,
        request=WholeRequest(
            method=request.data.method.decode("latin-1"),
            path=request.data.path.decode("latin-1"),
            version=request.data.http_version.decode("latin-1"),
            headers=_fields(request),
            body=request.raw_content or b"",
            missing=_missing(request),
            ended_at=None if request.timestamp_end is None else at,
        ),
        response=None
        if response is None
        else WholeResponse(
            at=answered_at,
            status=response.status_code,
            reason=response.data.reason.decode("latin-1"),
            headers=_fields(response),
            body=response.raw_content or b"",
            missing=_missing(response),
        ),
        ended_at=seconds(response and response.timestamp_end, answered_at),
        cause="server" if is_complete else "server-cut",
    )


def _fields(message: Message) -> HeaderFields:
    fields: Iterable[tuple[bytes, bytes]] = message.headers.fields
    return [(name.decode("latin-1"), text.decode("latin-1")) for name, text in fields]


def _missing(message: Message) -> str | None:
    return "mitmproxy streamed it" if message.raw_content is None else None


@contextlib.contextmanager
def wrong_members(place: FlowPlace) -> Generator[None]:
    """Raise FlowFileError if the members of a flow are not those that mitmproxy writes."""
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        raise FlowFileError(f"{place}: {_reason(error)}") from error


def counts_text(others: Counter[str]) -> str:
    """Format how many flows there are of each type."""
    return ", ".join(f"{count} {name}" for name, count in others.items())


def read_flows(file: BinaryIO) -> Iterator[tuple[Flow, FlowPlace]]:
    """Yield flows of all protocols, each with its place for an error text. FlowFileError."""
    flows: Iterator[Flow] = iter(FlowReader(file).stream())
    number, offset = 1, file.tell()
    while True:
        place = FlowPlace(number, offset)
        try:
            flow = next(flows, None)
        except Exception as error:  # What fails depends on the format that is converted.
            raise FlowFileError(f"{place}: {_reason(error, _rest(file, offset))}") from error
        if flow is None:
            return
        yield flow, place
        number, offset = number + 1, file.tell()


def _rest(file: BinaryIO, offset: int) -> bytes:
    """Return the first bytes of the flow at an offset, more than its length has."""
    file.seek(offset)
    return file.read(_LENGTH_BYTES)


def _reason(error: Exception, start: bytes = b"") -> str:
    match error.__cause__ or error:
        case _ if start.isdigit() and len(start) < _LENGTH_BYTES:
            return "the file ends inside its length"
        case IndexError():  # The reader looks at the byte after the data of a flow.
            return "the file ends inside it"
        case FlowReadException() | ValueError() as cause:
            return str(cause)
        case cause:
            return f"its members are not those of a flow: {cause!r}"
