"""The key of a request: equal for two requests that a server would not tell apart.

The key of a v1 call is its API, its type and a digest of its message. The digest does not depend on
how the message was written: JSON in any order and spacing, or protobuf, with its defaults spelled
out or left out (proto/messages/defaults.py). A call that Mesos refuses without looking at its state
(its Accept allows no type that Mesos writes, a required field is missing) has another key than the
same call that Mesos accepts:

    CallKey(api="scheduler", call_name="DECLINE", message_digest=b"…", refusal="")

The response type that the client asks for is not part of the key: an answer in one encoding can be
transcoded to the other. All other requests, and bodies that do not decode as a call (a wrong
Content-Type, broken JSON), match byte by byte:

    PlainKey("GET", path="/version", query="", content_type=None, body_digest=b"", server="master")

A key is computed from one request alone, so the time to find an exchange does not depend on the
size of the cassette.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import unquote

from google.protobuf.message import Message
from msgspec import Struct

from ...proto import recordio
from ...proto.api import calls, endpoints, negotiation
from ...proto.api.apis import Api, CallType, ServerKind
from ...proto.api.negotiation import ResponseType
from ...proto.api.refusals import MesosRefusal, check_request
from ...proto.http import redirects
from ...proto.http.credentials import CredentialScheme
from ...proto.http.request import HttpRequest
from ...proto.messages.fields import field_at, type_enum_name
from ..answers.records import is_heartbeat_message
from .ignore_rules import IGNORE_NOTHING, IgnoreRules

type AcceptedType = ResponseType | None
"""The response type that a client asks for; None if the answer has no message to encode."""

_READ_ONLY_METHODS = frozenset({"GET", "HEAD"})
_DIGEST_BYTES = 16
_DEFAULT_ACTOR = {
    "master": re.compile(r"/master(?=/|$)"),
    "agent": re.compile(r"/slave\(\d+\)(?=/|$)"),
}


class CallKey(Struct, frozen=True, gc=False):
    """The key of a v1 call. It holds a digest of the message, so keys of large calls are small.

    `refusal` is the text with which Mesos refuses the call, or empty.
    """

    api: str
    call_name: str
    message_digest: bytes
    refusal: str = ""


class PlainKey(Struct, frozen=True, gc=False):
    """The key of any other request. `body_digest` is empty for an empty body."""

    method: str
    path: str
    query: str
    content_type: str | None
    body_digest: bytes
    server: ServerKind | None = None


type RequestKey = CallKey | PlainKey


class ParsedRequest(Struct, frozen=True, kw_only=True):
    """A request as a server of one kind reads it.

    `path` is folded as libprocess does. `accepted_type` is the response type to answer with, and
    `credentials` the scheme of the client's credentials.
    `refusal` is the answer of Mesos if it refuses the request without looking at its state.
    `calls` has the decoded call, or all records of a streamed request; it is empty for a plain
    request. `compared_calls` are the same without ignored fields, and without those that are set to
    their defaults.
    """

    key: RequestKey
    is_mutating: bool
    path: str
    accepted_type: AcceptedType = None
    credentials: CredentialScheme = None
    refusal: MesosRefusal | None = None
    content_type: str | None = None
    call_type: CallType | None = None
    calls: tuple[Message, ...] = ()
    compared_calls: tuple[Message, ...] = ()

    @property
    def description(self) -> str | None:
        """The API and the type of a call, `scheduler call ACCEPT`; None for a plain request."""
        if not isinstance(self.key, CallKey):
            return None
        return f"{self.key.api} call {self.key.call_name}"

    @property
    def framework_id(self) -> str:
        """The id of the framework that makes a call, or for which one is made; empty if unset."""
        return str(field_at(self.calls[0], "framework_id.value") or "") if self.calls else ""


class MatchableRequest:
    """A request to be matched. It is parsed at most once for each kind of server.

    Servers of different kinds read the same bytes differently, and a replay may stand for several.
    Matching, faults, refusals and the report of a miss share it.
    """

    __slots__ = ("_ignoring", "_parsed", "http")

    def __init__(self, http: HttpRequest, ignoring: IgnoreRules = IGNORE_NOTHING) -> None:
        self.http = http
        self._ignoring = ignoring
        self._parsed: dict[ServerKind | None, ParsedRequest] = {}

    def parsed_by(self, server: ServerKind | None) -> ParsedRequest:
        """Return the request as a server of this kind reads it."""
        parsed = self._parsed.get(server)
        if parsed is None:
            parsed = self._parsed[server] = parse_request(self.http, server, self._ignoring)
        return parsed

    def parsed_as_call(self, servers: Sequence[ServerKind | None]) -> ParsedRequest:
        """Return the request as the first server reads it that takes it for a call of its API.

        If none does, it is read as by the first server.
        """
        for server in servers:
            parsed = self.parsed_by(server)
            if isinstance(parsed.key, CallKey):
                return parsed
        return self.parsed_by(servers[0] if servers else None)


def parse_request(
    request: HttpRequest, server: ServerKind | None, ignoring: IgnoreRules = IGNORE_NOTHING
) -> ParsedRequest:
    """Parse a request as a server of this kind would, and leave out what is ignored."""
    path, _, query = redirects.strip_origin(request.target.decode("latin-1")).partition("?")
    check = check_request(request, path, query, server)
    api, refusal, decoded = endpoints.find_api(path, server), check.refusal, ()
    path, content_type = _folded_path(path, server), request.header("content-type")
    if api is not None and check.call is not None:
        is_streamed = content_type == negotiation.RECORDIO
        decoded = _decode_streamed_calls(request, api) if is_streamed else (check.call,)
    call_name = type_enum_name(decoded[0]) if decoded else None
    if api is None or call_name is None or call_name not in api.call_types:
        key = _plain_key(request, path, query, server, ignoring)
        return ParsedRequest(
            key=key,
            is_mutating=key.method not in _READ_ONLY_METHODS and refusal is None,
            path=path,
            credentials=request.credentials,
            refusal=refusal,
            content_type=content_type,
        )
    call_type, compared = api.call_types[call_name], ignoring.comparable_calls(decoded, api)
    has_message = call_type.record_message or call_type.response_message
    refusal_text = "" if refusal is None else str(refusal)
    return ParsedRequest(
        key=CallKey(api.name, call_name, digest_calls(compared), refusal_text),
        is_mutating=call_type.is_mutating and refusal is None,
        path=path,
        accepted_type=check.response_type if refusal is None and has_message else None,
        credentials=request.credentials,
        refusal=refusal,
        content_type=content_type,
        call_type=call_type,
        calls=decoded,
        compared_calls=compared,
    )


@lru_cache(maxsize=256)
def _folded_path(path: str, server: ServerKind | None) -> str:
    """Return one spelling of a path: without the default actor, and without slashes at its end.

    libprocess rewrites `/state` to `/master/state` (3rdparty/libprocess/src/process.cpp).
    """
    default_actor = _DEFAULT_ACTOR.get(server or "")
    plain = unquote(path)
    if default_actor is not None and default_actor.match(plain):
        plain = default_actor.sub("", plain, count=1)
    return plain.rstrip("/") or "/"


def request_accepts_gzip(request: HttpRequest) -> bool:
    """Return whether the client accepts a gzipped answer, as libprocess decides it (http.cpp)."""
    return negotiation.accepts_gzip(request.header("accept-encoding"))


def _plain_key(
    request: HttpRequest,
    path: str,
    query: str,
    server: ServerKind | None,
    ignoring: IgnoreRules,
) -> PlainKey:
    query = ignoring.comparable_query(query)
    method, digest = (
        request.method.decode("latin-1"),
        digest_bytes(ignoring.comparable_body(request.body)),
    )
    content_type = request.header("content-type") if request.body else None
    return PlainKey(method, path, query, content_type, digest, server)


def _decode_streamed_calls(request: HttpRequest, api: Api) -> tuple[Message, ...]:
    """Decode all calls of a streamed request. Return none if one of them does not decode."""
    content_type = request.header("message-content-type")
    try:
        return merge_terminal_input(
            [calls.decode_call(record, content_type, api) for record in _records(request.body)]
        )
    except ValueError:
        return ()


def _records(body: bytes) -> list[bytes]:
    """Return the records of a streamed request. Raises ValueError if the body is not RecordIO."""
    decoder = recordio.Decoder()
    pieces = [*decoder.feed(body), *decoder.close()]
    if not all(isinstance(piece, recordio.Record) for piece in pieces):
        raise ValueError("the streamed request is not RecordIO")
    return [piece.payload for piece in pieces if isinstance(piece, recordio.Record)]


def digest_calls(messages: tuple[Message, ...]) -> bytes:
    """Return a digest of calls that does not depend on their encoding.

    Unknown fields are dropped from the messages, as Mesos's JSON parser does (stout/protobuf.hpp).
    Required fields may be missing, because they may be ignored.
    """
    for message in messages:
        message.DiscardUnknownFields()
    data = [message.SerializePartialToString(deterministic=True) for message in messages]
    return digest_bytes(data[0] if len(data) == 1 else b"".join(map(recordio.encode, data)))


def digest_bytes(data: bytes) -> bytes:
    """Return a digest of some bytes, empty for none; of a call, these are its message."""
    return blake2b(data, digest_size=_DIGEST_BYTES).digest() if data else b""


_DATA = "data"

_PROCESS_IO = "attach_container_input.process_io"


def merge_terminal_input(calls: list[Message]) -> tuple[Message, ...]:
    """Drop heartbeats from the records of ATTACH_CONTAINER_INPUT, and join adjacent data records.

    When a terminal sends heartbeats, and where it splits the typed bytes into records, differs on
    every run. What is compared is the container, the bytes, and where the window size changed or
    the input ended. The messages in `calls` may be changed.
    """
    merged: list[Message] = []
    for call in calls:
        if is_heartbeat_message(call):
            continue
        data = _typed_data(call)
        if merged and data and (previous := _typed_data(merged[-1])):
            setattr(field_at(merged[-1], f"{_PROCESS_IO}.data"), _DATA, previous + data)
        else:
            merged.append(call)
    return tuple(merged)


def _typed_data(call: Message) -> bytes:
    """Return the typed bytes in a record, or nothing; empty data marks the end of the input."""
    data = field_at(call, f"{_PROCESS_IO}.data.data")
    return data if isinstance(data, bytes) else b""
