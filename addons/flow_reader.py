"""Flow files of mitmproxy (`mitmdump -w`) as exchanges, read with mitmproxy's own reader.

That reader knows the formats of all versions. Only HTTP flows are read. Bodies that were streamed
through the proxy are not in the file.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from mitmproxy.exceptions import FlowReadException
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow, Message
from mitmproxy.io import FlowReader

from ..cassettes.format.documents import Exchange, Headers, Request, Response
from ..cassettes.format.headers import decompress_body, group_headers
from ..proto.http.address import Address
from ..proto.http.gzip_coding import ContentCodingError


class FlowFileError(ValueError):
    """A file is not what mitmproxy writes; the text says which flow, where it begins, and why."""


def read_flow_exchanges(file: BinaryIO) -> Iterator[Exchange]:
    """Read the HTTP flows of a file, in order. Times are seconds since the first request.

    Bodies are in `base64`, content coding undone; one that is not what its Content-Encoding says
    stays as it was received. A request without an answer has no `status`. Raises FlowFileError.
    """
    began: float | None = None
    clients: dict[str, int] = {}
    for number, flow in enumerate(_read_http_flows(file), 1):
        request, response, peer = flow.request, flow.response, flow.client_conn.peername
        began = request.timestamp_start if began is None else began
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
        yield Exchange(
            exchange=number,
            at=max(0.0, request.timestamp_start - began),
            client=clients.setdefault(flow.client_conn.id, len(clients) + 1),
            peer=str(Address(*peer[:2])) if peer else None,
            request=Request(
                method=request.data.method.decode("latin-1"),
                path=request.data.path.decode("latin-1"),
                headers=request_headers,
                base64=_body(request, request_headers),
            ),
            response=answer,
        )


def _read_http_flows(file: BinaryIO) -> Iterator[HTTPFlow]:
    flows: Iterator[Flow] = iter(FlowReader(file).stream())
    number, offset = 1, file.tell()
    while True:
        try:
            flow = next(flows, None)
        except Exception as error:  # What fails depends on the format that is converted.
            raise FlowFileError(f"flow {number}, at byte {offset}: {_reason(error)}") from error
        if flow is None:
            return
        if isinstance(flow, HTTPFlow):
            yield flow
        number, offset = number + 1, file.tell()


def _reason(error: Exception) -> str:
    match error.__cause__ or error:
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
