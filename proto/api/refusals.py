"""Refusals: what Mesos answers to a request before it looks at what the call wants.

    POST /api/v1, Content-Type: text/plain
    415 Unsupported Media Type: Expecting 'Content-Type' of application/json or …

The checks are in the order of each endpoint, and the texts are Mesos's own (src/master/http.cpp,
src/slave/http.cpp, src/resource_provider/manager.cpp, and libprocess's src/process.cpp). A server
is taken to lead, to have recovered and to ask for no credentials. What depends on its state, such
as an unknown framework, is not known here.
"""

import re
from urllib.parse import unquote

from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from .. import recordio
from ..http.reason_phrases import reason_phrase
from ..http.request import HttpRequest
from ..messages import descriptors, mapping
from ..messages.fields import type_enum_name
from . import call_validation, endpoints, negotiation
from .apis import Api, ServerKind
from .negotiation import JSON, PROTOBUF, RECORDIO, ResponseType


class MesosRefusal(Struct, frozen=True):
    """An answer of Mesos: its status and text. Without a status it just closes the connection."""

    status: int | None
    body: bytes = b""
    allow: str | None = None

    def __str__(self) -> str:
        if self.status is None:
            return "the connection is closed without an answer"
        status, text = (
            f"{self.status} {reason_phrase(self.status)}",
            self.body.decode("utf-8", "replace"),
        )
        return text if text.startswith(status) else f"{status}: {text}"


class RequestCheck(Struct, frozen=True):
    """What a server finds in a request.

    `call` is the call, or the first of a streamed request, if it decodes. If the server takes it,
    `label` is what it would label an answer that has a message, and else `refusal` says why not.
    """

    call: Message | None = None
    response_type: ResponseType | None = None
    refusal: MesosRefusal | None = None


_CLOSED = RequestCheck(refusal=MesosRefusal(None))
_NO_ROUTE = RequestCheck(refusal=MesosRefusal(404, b"404 Not Found."))
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ACTOR = re.compile(r".+\(\d+\)")
_GZIP = b"\x1f\x8b"

_VALIDATED = {
    "master": "master::Call",
    "scheduler": "scheduler::Call",
    "agent": "agent::Call",
    "executor": "Executor::Call",
    "resource_provider": "resource_provider::Call",
}

_BY_STATE = ("scheduler", "executor", "resource_provider")
"""APIs that look for the caller before they find that its call is UNKNOWN."""

_ROUTES = re.compile(
    "|app|assets|containerizer|containers|create-volumes|destroy-volumes|files|flags|frameworks"
    "|health|help|logging|machine|maintenance|metrics|monitor|profiler|quota|redirect"
    "|registrar|reserve|roles|roles.json|slaves|state|state-summary|state.json|static|system|tasks"
    "|tasks.json|teardown|unreserve|version|weights|__processes__"
)
"""First segments of routes that are no API, and actors that serve some."""

_STREAMED = ("ATTACH_CONTAINER_OUTPUT", "LAUNCH_NESTED_CONTAINER_SESSION")
"""Calls to an agent that are answered in RecordIO, if that is asked for."""

_LENGTH = re.compile(rb"[+-]?\d+|-?0[xX][0-9A-Fa-f]+")
"""What stout takes for a number (stout/numify.hpp)."""


def check_request(
    request: HttpRequest, path: str, query: str, server: ServerKind | None
) -> RequestCheck:
    """Read a request as a server of this kind would; `path` and `query` are those of its target."""
    if not path.startswith("/") or _BAD_ESCAPE.search(query):
        return _CLOSED
    api = endpoints.find_api(path, server)
    if api is None:
        return _NO_ROUTE if server is not None and _leads_nowhere(path, server) else RequestCheck()
    method = request.method.decode("latin-1")
    if method != "POST":
        text = f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'."
        return RequestCheck(refusal=MesosRefusal(405, text.encode("latin-1"), allow="POST"))
    return _of_agent(request, api) if api.name == "agent" else _of_others(request, api)


def _leads_nowhere(path: str, server: ServerKind) -> bool:
    """Whether neither an API nor anything else that Mesos serves is there."""
    if "/.." in path or _BAD_ESCAPE.search(path):
        return True
    first, *rest = [unquote(segment) for segment in path.strip("/").split("/")]
    if first == server or (server == "agent" and _ACTOR.fullmatch(first)):
        first = rest[0] if rest else ""
    return not _ROUTES.fullmatch(first) and not _ACTOR.fullmatch(first)


def _of_others(request: HttpRequest, api: Api) -> RequestCheck:
    """Read a call as every API but that of agents does: Accept comes last, and only for some."""
    if request.has_undecodable_body:
        return RequestCheck(refusal=_broken(request))
    kind = request.header("content-type")
    if kind is None:
        return _refused(400, "Expecting 'Content-Type' to be present")
    if kind not in (JSON, PROTOBUF):
        return _refused(415, f"Expecting 'Content-Type' of {JSON} or {PROTOBUF}")
    call = _decoded(request.body, kind, api)
    if isinstance(call, MesosRefusal):
        return RequestCheck(refusal=call)
    name, label = type_enum_name(call), None
    why = _invalid(call, api)
    if why is None and negotiation.is_negotiated(api, name):
        label = _label(request, api)
        if label is None:
            text = f"Expecting 'Accept' to allow '{PROTOBUF}' or '{JSON}'"
            why = MesosRefusal(406, text.encode())
    why = why or _subscribed_twice(name, request, api) or _not_implemented(name, api)
    return RequestCheck(call, label, why)


def _broken(request: HttpRequest) -> MesosRefusal:
    """What fails the handler that waits for a body (libprocess, src/decoder.hpp)."""
    is_gzip = request.body.startswith(_GZIP)
    return MesosRefusal(500, b"Failed to decompress body" if is_gzip else b"failed to decode body")


def _label(request: HttpRequest, api: Api) -> ResponseType | None:
    accept = request.header("accept")
    accept = request.header("accept-type") if accept is None else accept
    return negotiation.choose_response_type(api, accept, request.header("message-accept"))


def _subscribed_twice(name: str | None, request: HttpRequest, api: Api) -> MesosRefusal | None:
    if name != "SUBSCRIBE" or api.name not in ("scheduler", "resource_provider"):
        return None
    if request.header("mesos-stream-id") is None:
        return None
    return MesosRefusal(400, b"Subscribe calls should not include the 'Mesos-Stream-Id' header")


def _of_agent(request: HttpRequest, api: Api) -> RequestCheck:
    """Read a call of an agent's operator: all headers come before the body."""
    kind, inner = request.header("content-type"), request.header("message-content-type")
    why = _bad_content(kind, inner) or _bad_accept(request)
    if why is None and request.has_undecodable_body:
        # What becomes of a stream of records that breaks is not known.
        return RequestCheck(refusal=None if kind == RECORDIO else _broken(request))
    if why is not None:
        return RequestCheck(refusal=why)
    body = _first_record(request.body) if kind == RECORDIO else request.body
    if not isinstance(body, bytes):
        return RequestCheck(refusal=body)
    call = _decoded(body, inner if kind == RECORDIO else kind, api)
    if isinstance(call, MesosRefusal):
        return RequestCheck(refusal=call)
    label = _label(request, api)
    return RequestCheck(call, label, _invalid(call, api) or _misused(call, request, api))


def _bad_content(kind: str | None, inner: str | None) -> MesosRefusal | None:
    match kind, inner:
        case None, _:
            return MesosRefusal(400, b"Expecting 'Content-Type' to be present")
        case (("application/json" | "application/x-protobuf"), None):
            return None
        case (("application/json" | "application/x-protobuf"), _):
            text = "Expecting 'Message-Content-Type' to be not set for non-streaming requests"
        case "application/recordio", None:
            text = "Expecting 'Message-Content-Type' to be set for streaming requests"
            return MesosRefusal(400, text.encode())
        case "application/recordio", ("application/json" | "application/x-protobuf"):
            return None
        case "application/recordio", _:
            text = f"Expecting 'Message-Content-Type' of {JSON} or {PROTOBUF}"
        case _:
            text = f"Expecting 'Content-Type' of {JSON} or {PROTOBUF} or {RECORDIO}"
    return MesosRefusal(415, text.encode())


def _bad_accept(request: HttpRequest) -> MesosRefusal | None:
    wanted = negotiation.first_accepted_media_type(request.text_headers, (JSON, PROTOBUF, RECORDIO))
    inner = request.header("message-accept")
    if wanted is None:
        text = f"Expecting 'Accept' to allow {JSON} or {PROTOBUF} or {RECORDIO}"
    elif wanted != RECORDIO and inner is not None:
        text = "Expecting 'Message-Accept' to be not set for non-streaming responses"
    elif wanted == RECORDIO and not any(
        negotiation.accepts_media_type(inner, kind) for kind in (JSON, PROTOBUF)
    ):
        text = f"Expecting 'Message-Accept' to allow {JSON} or {PROTOBUF}"
    else:
        return None
    return MesosRefusal(406, text.encode())


def _first_record(body: bytes) -> bytes | MesosRefusal | None:
    """Take the first record; None if Mesos would read on where nothing here does."""
    for piece in recordio.Decoder().feed(body):
        if isinstance(piece, recordio.Record):
            return piece.payload
        length = body.partition(b"\n")[0]
        if _LENGTH.fullmatch(length):
            return None
        text = b"Decoder failure: Failed to decode length '%b': Failed to convert '%b' to number"
        return MesosRefusal(500, text % (length, length))
    return MesosRefusal(400, b"Received EOF while reading request body")


def _misused(call: Message, request: HttpRequest, api: Api) -> MesosRefusal | None:
    """Streams are for some calls only, which is known when the call is (src/slave/http.cpp)."""
    name = type_enum_name(call)
    streams, input_call = request.header("content-type") == RECORDIO, "ATTACH_CONTAINER_INPUT"
    if streams and name != input_call:
        text = f"Streaming 'Content-Type' {RECORDIO} is not supported for {name} call"
        return MesosRefusal(415, text.encode())
    if not streams and name == input_call:
        text = f"Expecting 'Content-Type' to be {RECORDIO} for {name} call"
        return MesosRefusal(415, text.encode())
    label = _label(request, api)
    if label is not None and label.content_type == RECORDIO and name not in _STREAMED:
        return MesosRefusal(406, f"Streaming response is not supported for {name} call".encode())
    if name == input_call and not call_validation.is_container_id_input(call):
        return MesosRefusal(400, b"Expecting 'attach_container_input.type' to be CONTAINER_ID")
    return _not_implemented(name, api)


def _decoded(body: bytes, kind: str | None, api: Api) -> Message | MesosRefusal:
    operates_agent = api.name == "agent"
    if kind == PROTOBUF:
        what = "a protobuf object" if operates_agent else "Call protobuf"
        bad = MesosRefusal(400, f"Failed to parse body into {what}".encode())
        try:
            call = descriptors.message_class(api.call_message).FromString(body)
        except DecodeError:
            return bad
        return call if call.IsInitialized() else bad
    try:
        return mapping.decode(body, api.call_message)
    except mapping.JSONTextError as error:
        return _text(400, f"Failed to parse body into JSON: {error}")
    except mapping.ConversionError as error:
        return _text(
            400, f"{'' if operates_agent else 'Failed to convert JSON into Call protobuf: '}{error}"
        )


def _invalid(call: Message, api: Api) -> MesosRefusal | None:
    why = call_validation.validation_error(call, api)
    return None if why is None else _text(400, f"Failed to validate {_VALIDATED[api.name]}: {why}")


def _not_implemented(name: str | None, api: Api) -> MesosRefusal | None:
    if name == "UNKNOWN" and api.name not in _BY_STATE:
        return MesosRefusal(501, b"501 Not Implemented.")
    return None


def _text(status: int, text: str) -> MesosRefusal:
    return MesosRefusal(status, text.encode("utf-8", "surrogateescape"))


def _refused(status: int, text: str) -> RequestCheck:
    return RequestCheck(refusal=MesosRefusal(status, text.encode()))
