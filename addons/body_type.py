"""What the bodies of a flow are: which message of Mesos, in which encoding, one or a stream."""

from collections.abc import Iterable

from mitmproxy import http
from msgspec import Struct

from ..proto.api import calls, endpoints
from ..proto.api.apis import Api, ServerKind
from ..proto.api.negotiation import JSON, PROTOBUF, RECORDIO, Encoding, request_encoding

_OK = 200
_ENCODINGS: dict[str, Encoding] = {JSON: "json", PROTOBUF: "protobuf"}


class BodyType(Struct, frozen=True):
    """What a body is: `message` is a full protobuf name, of each record if it is a stream."""

    message_name: str
    encoding: Encoding
    is_stream: bool = False


def request_body_type(request: http.Request, server: ServerKind) -> BodyType | None:
    """Tell what a request holds, by its head alone; None if it is no call of the v1 APIs."""
    api = _api(request, server)
    encoding = request_encoding(_headers(request))
    if api is None or encoding is None:
        return None
    return BodyType(api.call_message, encoding, _headers(request).get("content-type") == RECORDIO)


def response_body_type(flow: http.HTTPFlow, server: ServerKind) -> BodyType | None:
    """Tell what a response holds, by its head and the request; None for errors and others."""
    response, api = flow.response, _api(flow.request, server)
    if response is None or api is None or response.status_code != _OK:
        return None
    encoding = _ENCODINGS.get(_media_type(response))
    body = flow.request.get_content(strict=False) or b""
    call = calls.identify_call_type(body, _headers(flow.request).get("content-type"), api)
    if encoding is None or call is None:
        return None
    if call.record_message is not None:
        return BodyType(call.record_message, encoding, is_stream=True)
    return BodyType(call.response_message, encoding) if call.response_message is not None else None


def _api(request: http.Request, server: ServerKind) -> Api | None:
    if request.method != "POST" or endpoints.is_actor_message(_headers(request).items()):
        return None
    return endpoints.find_api(request.path, server)


def _media_type(response: http.Response) -> str:
    headers = _headers(response)
    value = headers.get("message-content-type") or headers.get("content-type") or ""
    return value.partition(";")[0].strip().lower()


def _headers(message: http.Message) -> dict[str, str]:
    """The last value of each header, by its name in lower case."""
    fields: Iterable[tuple[bytes, bytes]] = message.headers.fields
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in fields}
