"""The type of a request or response body: message, encoding, and whether it is a stream."""

from mitmproxy import http
from msgspec import Struct

from ...cassettes.recording.observations import HeaderFields
from ...proto.api import calls, endpoints
from ...proto.api.apis import Api, CallType, ServerKind
from ...proto.api.negotiation import ENCODINGS, RECORDIO, Encoding, request_encoding
from ...proto.http import content_codings
from ...proto.http.gzip_coding import ContentCodingError
from ...proto.http.headers import header_value, header_values, last_header_values
from ..traffic.messages import header_fields

_OK = 200


class BodyType(Struct, frozen=True):
    """`message_name` is the full name of the message in a body, or in each record of a stream."""

    message_name: str
    encoding: Encoding
    is_stream: bool = False


def request_body_type(request: http.Request, server: ServerKind) -> BodyType | None:
    """Return the type of a request's body, by its head; None if it is no call of the v1 APIs."""
    api = _find_api(request, server)
    headers = last_header_values(header_fields(request))
    encoding = request_encoding(headers)
    if api is None or encoding is None:
        return None
    return BodyType(api.call_message, encoding, headers.get("content-type") == RECORDIO)


def response_body_type(flow: http.HTTPFlow, server: ServerKind) -> BodyType | None:
    """Return the type of a response's body, by its head and the request.

    None if it is no response of the v1 APIs, or an error.
    """
    response, api = flow.response, _find_api(flow.request, server)
    if response is None or api is None or response.status_code != _OK:
        return None
    encoding = ENCODINGS.get(_media_type(response))
    call = call_of(flow.request, server)
    if encoding is None or call is None:
        return None
    if call.record_message is not None:
        return BodyType(call.record_message, encoding, is_stream=True)
    return BodyType(call.response_message, encoding) if call.response_message is not None else None


def call_of(request: http.Request, server: ServerKind) -> CallType | None:
    """Return the call in a request, as far as its body has been kept; None if there is none."""
    if (api := _find_api(request, server)) is None:
        return None
    headers = header_fields(request)
    body = _decoded(request.raw_content or b"", headers)
    return calls.identify_call_type(body, header_value(headers, "content-type"), api)


def _decoded(body: bytes, headers: HeaderFields) -> bytes:
    """Undo the content codings of a body; mitmproxy would do so whatever its size."""
    try:
        return content_codings.decode(body, ", ".join(header_values(headers, "content-encoding")))
    except ContentCodingError:
        return body


def _find_api(request: http.Request, server: ServerKind) -> Api | None:
    if request.method != "POST" or endpoints.is_actor_message(header_fields(request)):
        return None
    return endpoints.find_api(request.path, server)


def _media_type(response: http.Response) -> str:
    headers = last_header_values(header_fields(response))
    value = headers.get("message-content-type") or headers.get("content-type") or ""
    return value.partition(";")[0].strip().lower()
