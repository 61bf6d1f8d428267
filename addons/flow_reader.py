"""Flow files of mitmproxy (`mitmdump -w`) as exchanges, read with mitmproxy's own reader.

That reader knows the formats of all versions. Flows of other protocols are counted. Bodies that
were streamed through the proxy are not in the file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from mitmproxy.exceptions import FlowReadException
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow, Message
from mitmproxy.io import FlowReader

from ..cassettes.format.documents import Exchange, Headers, Note, Request, Response
from ..cassettes.format.headers import decompress_body, group_headers
from ..proto.http.address import Address
from ..proto.http.gzip_coding import ContentCodingError

_LENGTH_BYTES = 16


class FlowFileError(ValueError):
    """A file is not what mitmproxy writes; the text says which flow, where it begins, and why."""


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
    for flow, place in _read_flows(file):
        if not isinstance(flow, HTTPFlow):
            others[flow.type] += 1
            continue
        number += 1
        client = clients.setdefault(flow.client_conn.id, len(clients) + 1)
        began = flow.request.timestamp_start if began is None else began
        try:
            documents = [*_to_documents(flow, number, client, began)]
        except (AttributeError, TypeError, ValueError) as error:
            raise FlowFileError(f"{place}: {_reason(error)}") from error
        yield from documents
    if others:
        counts = ", ".join(f"{count} {name}" for name, count in others.items())
        yield Note(note=f"left out, for they are not HTTP: {counts}", at=0.0)


def _to_documents(
    flow: HTTPFlow, number: int, client: int, began: float
) -> Iterator[Exchange | Note]:
    exchange = _to_exchange(flow, number, client, began)
    yield exchange
    for name, message in (("request", flow.request), ("response", flow.response)):
        if message is not None and message.raw_content is None:
            text = f"the body of the {name} is not in the file: mitmproxy streamed it"
            yield Note(note=text, at=exchange.at, of=number)
    if flow.error is not None:
        text = f"the flow ended with an error: {flow.error.msg}"
        yield Note(note=text, at=exchange.at, of=number)


def _to_exchange(flow: HTTPFlow, number: int, client: int, began: float) -> Exchange:
    request, response, peer = flow.request, flow.response, flow.client_conn.peername
    request_headers = _headers(request)
    answer = Response(after=0.0)
    if response is not None:
        headers = _headers(response)
        answered_at = response.timestamp_start or request.timestamp_start
        answer = Response(
            after=max(0.0, answered_at - request.timestamp_start),
            status=response.status_code,
            headers=headers,
            base64=_body(response, headers),
        )
    return Exchange(
        exchange=number,
        at=max(0.0, request.timestamp_start - began),
        client=client,
        peer=str(Address(*peer[:2])) if peer else None,
        request=Request(
            method=request.data.method.decode("latin-1"),
            path=request.data.path.decode("latin-1"),
            headers=request_headers,
            base64=_body(request, request_headers),
        ),
        response=answer,
    )


def _read_flows(file: BinaryIO) -> Iterator[tuple[Flow, str]]:
    """Yield flows of all protocols, each with its place for an error text."""
    flows: Iterator[Flow] = iter(FlowReader(file).stream())
    number, offset = 1, file.tell()
    while True:
        place = f"flow {number}, at byte {offset}"
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


def _headers(message: Message) -> Headers:
    fields: Iterable[tuple[bytes, bytes]] = message.headers.fields
    return group_headers((name.decode("latin-1"), text.decode("latin-1")) for name, text in fields)


def _body(message: Message, headers: Headers) -> bytes | None:
    """Return what was received of a body; None if nothing was, or it was streamed."""
    content = message.raw_content
    if not content:
        return None
    try:
        return decompress_body(content, headers)
    except ContentCodingError:
        return content
