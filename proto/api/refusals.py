"""The responses with which Mesos refuses a request before it processes the call.

    POST /api/v1, Content-Type: text/plain
    415 Unsupported Media Type: Expecting 'Content-Type' of application/json or …

The checks are in the order of each endpoint, and the texts are Mesos's own (src/master/http.cpp,
src/slave/http.cpp, src/resource_provider/manager.cpp, and libprocess's src/process.cpp). The server
is assumed to lead, to have recovered, and to need no credentials. Refusals that depend on its
state, such as an unknown framework, are not covered.
"""

import re
from urllib.parse import unquote

from google.protobuf.message import Message
from msgspec import Struct

from .. import recordio
from ..http.reason_phrases import reason_phrase
from ..http.request import HttpRequest
from ..messages import mapping
from ..messages.fields import type_enum_name
from . import call_validation, endpoints, negotiation
from .apis import Api, ServerKind
from .negotiation import ENCODINGS, JSON, PROTOBUF, RECORDIO, ResponseType


class MesosRefusal(Struct, frozen=True):
    """A refusal: status and body. Without a status Mesos closes the connection unanswered."""

    status: int | None
    body: bytes = b""
    allow: str | None = None

    def __str__(self) -> str:
        if self.status is None:
            return "the connection is closed without an answer"
        status = f"{self.status} {reason_phrase(self.status)}"
        text = self.body.decode("utf-8", "replace")
        return text if text.startswith(status) else f"{status}: {text}"


class RequestCheck(Struct, frozen=True):
    """The result of checking a request.

    `call` is the call, or the first one of a streamed request, if it decodes. An accepted request
    has the `response_type` that was negotiated, if any; a refused one has the `refusal`.
    """

    call: Message | None = None
    response_type: ResponseType | None = None
    refusal: MesosRefusal | None = None


NO_ROUTE = MesosRefusal(404, b"404 Not Found.")
"""The refusal of a path at which Mesos serves nothing."""

_CLOSED = RequestCheck(refusal=MesosRefusal(None))
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ACTOR = re.compile(r".+\(\d+\)")
_GZIP_MAGIC = b"\x1f\x8b"

_CALL_NAMES = {
    "master": "master::Call",
    "scheduler": "scheduler::Call",
    "agent": "agent::Call",
    "executor": "Executor::Call",
    "resource_provider": "resource_provider::Call",
}
"""Names of the calls in the texts of failed validations, by API."""

_CHECK_CALLER_FIRST = ("scheduler", "executor", "resource_provider")
"""APIs that look up the caller before they answer 501 to an UNKNOWN call."""

_OTHER_ROUTES = re.compile(
    "|app|assets|containerizer|containers|create-volumes|destroy-volumes|files|flags|frameworks"
    "|health|help|logging|machine|maintenance|metrics|monitor|profiler|quota|redirect"
    "|registrar|reserve|roles|roles.json|slaves|state|state-summary|state.json|static|system|tasks"
    "|tasks.json|teardown|unreserve|version|weights|__processes__"
)
"""First segments of routes outside the v1 APIs, and of actors that serve some."""

_MAY_STREAM = ("ATTACH_CONTAINER_OUTPUT", "LAUNCH_NESTED_CONTAINER_SESSION")
"""Calls to an agent that are answered in RecordIO if the client accepts it."""

_CPP_NUMBER = re.compile(rb"[+-]?\d+|-?0[xX][0-9A-Fa-f]+")
"""The numbers that Mesos accepts (stout/numify.hpp)."""


def check_request(
    request: HttpRequest, path: str, query: str, server: ServerKind | None
) -> RequestCheck:
    """Check a request as a server of this kind would; `path` and `query` are those of its target.

    `server` is None if its kind is not known. A request to an endpoint outside the v1 APIs has
    neither a call nor a refusal, unless Mesos serves nothing there.
    """
    if not path.startswith("/") or _BAD_ESCAPE.search(query):
        return _CLOSED
    api = endpoints.find_api(path, server)
    if api is None:
        has_no_route = server is not None and _has_no_route(path, server)
        return RequestCheck(refusal=NO_ROUTE if has_no_route else None)
    method = request.method.decode("latin-1")
    if method != "POST":
        text = f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'."
        return RequestCheck(refusal=MesosRefusal(405, text.encode("latin-1"), allow="POST"))
    check = _check_agent_request if api.name == "agent" else _check_other_request
    return check(request, api)


def _has_no_route(path: str, server: ServerKind) -> bool:
    """Return whether Mesos serves nothing at a path that leads to no v1 API."""
    if "/.." in path or _BAD_ESCAPE.search(path):
        return True
    first, *rest = [unquote(segment) for segment in path.strip("/").split("/")]
    if first == server or (server == "agent" and _ACTOR.fullmatch(first)):
        first = rest[0] if rest else ""
    return not _OTHER_ROUTES.fullmatch(first) and not _ACTOR.fullmatch(first)


def _check_other_request(request: HttpRequest, api: Api) -> RequestCheck:
    """Check a request to any API but the agent's: Accept is read last, and only for some calls."""
    if request.has_undecodable_body:
        return RequestCheck(refusal=_undecodable_body(request))
    content_type = request.header("content-type")
    if content_type is None:
        return RequestCheck(refusal=_refuse(400, "Expecting 'Content-Type' to be present"))
    if content_type not in ENCODINGS:
        text = f"Expecting 'Content-Type' of {JSON} or {PROTOBUF}"
        return RequestCheck(refusal=_refuse(415, text))
    call = _decode_call(request.body, content_type, api)
    if isinstance(call, MesosRefusal):
        return RequestCheck(refusal=call)
    name, response_type = type_enum_name(call), None
    refusal = _invalid_call(call, api)
    if refusal is None and negotiation.is_negotiated(api, name):
        response_type = negotiation.negotiate_response_type(api, request.text_headers_by_name)
        if response_type is None:
            refusal = _refuse(406, f"Expecting 'Accept' to allow '{PROTOBUF}' or '{JSON}'")
    refusal = refusal or _resubscription(name, request, api) or _not_implemented(name, api)
    return RequestCheck(call, response_type, refusal)


def _undecodable_body(request: HttpRequest) -> MesosRefusal:
    """Refuse as the handler that waits for a body fails (libprocess, src/decoder.hpp)."""
    is_gzip = request.body.startswith(_GZIP_MAGIC)
    return _refuse(500, "Failed to decompress body" if is_gzip else "failed to decode body")


def _resubscription(name: str | None, request: HttpRequest, api: Api) -> MesosRefusal | None:
    if name != "SUBSCRIBE" or api.name not in ("scheduler", "resource_provider"):
        return None
    if request.header("mesos-stream-id") is None:
        return None
    return _refuse(400, "Subscribe calls should not include the 'Mesos-Stream-Id' header")


def _check_agent_request(request: HttpRequest, api: Api) -> RequestCheck:
    """Check a request to an agent's operator API: all headers are read before the body."""
    content_type = request.header("content-type")
    message_type = request.header("message-content-type")
    refusal = _bad_content_type(content_type, message_type) or _bad_accept(request)
    if refusal is not None:
        return RequestCheck(refusal=refusal)
    is_streamed = content_type == RECORDIO
    if request.has_undecodable_body:
        # How Mesos answers a broken stream of records is not known.
        return RequestCheck(refusal=None if is_streamed else _undecodable_body(request))
    body = _first_record(request.body) if is_streamed else request.body
    if not isinstance(body, bytes):
        return RequestCheck(refusal=body)
    call = _decode_call(body, message_type if is_streamed else content_type, api)
    if isinstance(call, MesosRefusal):
        return RequestCheck(refusal=call)
    response_type = negotiation.negotiate_response_type(api, request.text_headers_by_name)
    refusal = _invalid_call(call, api) or _misused_stream(call, is_streamed, response_type)
    refusal = refusal or _not_implemented(type_enum_name(call), api)
    return RequestCheck(call, response_type, refusal)


def _bad_content_type(content_type: str | None, message_type: str | None) -> MesosRefusal | None:
    if content_type is None:
        return _refuse(400, "Expecting 'Content-Type' to be present")
    if content_type in ENCODINGS:
        if message_type is None:
            return None
        text = "Expecting 'Message-Content-Type' to be not set for non-streaming requests"
        return _refuse(415, text)
    if content_type != RECORDIO:
        return _refuse(415, f"Expecting 'Content-Type' of {JSON} or {PROTOBUF} or {RECORDIO}")
    if message_type is None:
        return _refuse(400, "Expecting 'Message-Content-Type' to be set for streaming requests")
    if message_type not in ENCODINGS:
        return _refuse(415, f"Expecting 'Message-Content-Type' of {JSON} or {PROTOBUF}")
    return None


def _bad_accept(request: HttpRequest) -> MesosRefusal | None:
    accepted = negotiation.first_accepted_media_type(
        request.text_headers_by_name, (JSON, PROTOBUF, RECORDIO)
    )
    message_accept = request.header("message-accept")
    if accepted is None:
        return _refuse(406, f"Expecting 'Accept' to allow {JSON} or {PROTOBUF} or {RECORDIO}")
    if accepted != RECORDIO:
        if message_accept is None:
            return None
        text = "Expecting 'Message-Accept' to be not set for non-streaming responses"
        return _refuse(406, text)
    if any(negotiation.accepts_media_type(message_accept, each) for each in (JSON, PROTOBUF)):
        return None
    return _refuse(406, f"Expecting 'Message-Accept' to allow {JSON} or {PROTOBUF}")


def _first_record(body: bytes) -> bytes | MesosRefusal | None:
    """Return the first record; None if only Mesos could read on, and its answer is not known."""
    for piece in recordio.Decoder().feed(body):
        if isinstance(piece, recordio.Record):
            return piece.payload
        length = body.partition(b"\n")[0]
        if _CPP_NUMBER.fullmatch(length):
            return None
        text = b"Decoder failure: Failed to decode length '%b': Failed to convert '%b' to number"
        return MesosRefusal(500, text % (length, length))
    return _refuse(400, "Received EOF while reading request body")


def _misused_stream(
    call: Message, is_streamed: bool, response_type: ResponseType | None
) -> MesosRefusal | None:
    """Refuse a stream for a call that has none, or the reverse (src/slave/http.cpp)."""
    name = type_enum_name(call)
    takes_stream = name == "ATTACH_CONTAINER_INPUT"
    if is_streamed and not takes_stream:
        text = f"Streaming 'Content-Type' {RECORDIO} is not supported for {name} call"
        return _refuse(415, text)
    if takes_stream and not is_streamed:
        return _refuse(415, f"Expecting 'Content-Type' to be {RECORDIO} for {name} call")
    if (
        response_type is not None
        and response_type.content_type == RECORDIO
        and name not in _MAY_STREAM
    ):
        return _refuse(406, f"Streaming response is not supported for {name} call")
    if takes_stream and not call_validation.is_container_id_input(call):
        return _refuse(400, "Expecting 'attach_container_input.type' to be CONTAINER_ID")
    return None


def _decode_call(body: bytes, media_type: str | None, api: Api) -> Message | MesosRefusal:
    is_agent = api.name == "agent"
    try:
        return mapping.decode_message(body, api.call_message, ENCODINGS[media_type])
    except mapping.WireFormatError:
        target = "a protobuf object" if is_agent else "Call protobuf"
        return _refuse(400, f"Failed to parse body into {target}")
    except mapping.JSONTextError as error:
        return _refuse(400, f"Failed to parse body into JSON: {error}")
    except mapping.ConversionError as error:
        prefix = "" if is_agent else "Failed to convert JSON into Call protobuf: "
        return _refuse(400, f"{prefix}{error}")


def _invalid_call(call: Message, api: Api) -> MesosRefusal | None:
    error = call_validation.validation_error(call, api)
    if error is None:
        return None
    return _refuse(400, f"Failed to validate {_CALL_NAMES[api.name]}: {error}")


def _not_implemented(name: str | None, api: Api) -> MesosRefusal | None:
    if name == "UNKNOWN" and api.name not in _CHECK_CALLER_FIRST:
        return _refuse(501, "501 Not Implemented.")
    return None


def _refuse(status: int, text: str) -> MesosRefusal:
    return MesosRefusal(status, text.encode("utf-8", "surrogateescape"))
