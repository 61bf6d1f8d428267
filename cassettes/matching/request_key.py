"""Matching: what a request means, as a key that is equal for equal requests.

A v1 call is its API, its type and its message, however that was written: JSON in any order and
spacing, or protobuf. A call that Mesos refuses as it stands (its Accept allows nothing, its
contents are missing) is another one than the same call that it takes:

    CallKey(api="scheduler", call="DECLINE", message=<digest>, refusal="")

The encoding of the answer is beside it: the other one can be made from it. What does not decode (a
wrong Content-Type, broken JSON) and all other traffic of a server is plain, and matches byte by
byte:

    PlainKey("GET", path="/version", query="", content_type=None, body=<digest>, server="master")

Keys are computed from one request alone: finding an exchange takes as long in any cassette.
"""

import re
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
from ...proto.http.request import HttpRequest
from ...proto.messages.fields import field_at, type_enum_name, type_enum_name_at
from .ignore_rules import IGNORE_NOTHING, IgnoreRules

type AcceptedType = ResponseType | None
"""What an answer is labelled; None if it has no message, so that its encoding is no matter."""

_READ_ONLY = frozenset({"GET", "HEAD"})
_DIGEST_BYTES = 16
_DELEGATE = {"master": re.compile(r"/master(?=/|$)"), "agent": re.compile(r"/slave\(\d+\)(?=/|$)")}


class CallKey(Struct, frozen=True):
    """A v1 call by its meaning; `message` is a digest, so that keys of large calls are small."""

    api: str
    call_name: str
    message_digest: bytes
    refusal: str = ""


class PlainKey(Struct, frozen=True):
    """Any other request, by its bytes; `body` is a digest."""

    method: str
    path: str
    query: str
    content_type: str | None
    body_digest: bytes
    server: ServerKind | None = None


type RequestKey = CallKey | PlainKey


class ParsedRequest(Struct, frozen=True, kw_only=True):
    """What a request is: its key, and what a miss needs to explain itself.

    `wanted` is what the answer is to be labelled. `refusal` is what Mesos answers if it refuses the
    request as it stands. `calls` are the decoded call, or all records of a streamed one; none for a
    plain request. `compared` is what counts of them.
    """

    key: RequestKey
    is_mutating: bool
    path: str
    accepted_type: AcceptedType = None
    refusal: MesosRefusal | None = None
    content_type: str | None = None
    call_type: CallType | None = None
    calls: tuple[Message, ...] = ()
    compared_calls: tuple[Message, ...] = ()

    @property
    def description(self) -> str | None:
        """The call, for people."""
        return (
            f"{self.key.api} call {self.key.call_name}" if isinstance(self.key, CallKey) else None
        )


def parse_request(
    request: HttpRequest, server: ServerKind | None, ignoring: IgnoreRules = IGNORE_NOTHING
) -> ParsedRequest:
    """Read a request as a server of this kind would, leaving out what does not count."""
    path, _, query = redirects.strip_origin(request.target.decode("latin-1")).partition("?")
    found = check_request(request, path, query, server)
    api, why, said = endpoints.find_api(path, server), found.refusal, ()
    path, sent = folded(path, server), request.header("content-type")
    if api is not None and found.call is not None:
        said = _streamed(request, api) if sent == negotiation.RECORDIO else (found.call,)
    call = type_enum_name(said[0]) if said else None
    if api is None or call is None or call not in api.call_types:
        key = _plain(request, path, ignoring.comparable_query(query), server)
        mutating = key.method not in _READ_ONLY and why is None
        return ParsedRequest(
            key=key, is_mutating=mutating, path=path, refusal=why, content_type=sent
        )
    kind, compared = api.call_types[call], ignoring.comparable_calls(said, api)
    return ParsedRequest(
        key=CallKey(api.name, call, digest_calls(compared), "" if why is None else str(why)),
        is_mutating=kind.is_mutating and why is None,
        path=path,
        accepted_type=found.response_type
        if why is None and (kind.record_message or kind.response_message)
        else None,
        refusal=why,
        content_type=sent,
        call_type=kind,
        calls=said,
        compared_calls=compared,
    )


@lru_cache(maxsize=256)
def folded(path: str, server: ServerKind | None) -> str:
    """One spelling of a path: the actor that serves by default is left out, as are end slashes.

    libprocess rewrites `/state` to `/master/state` (3rdparty/libprocess/src/process.cpp).
    """
    delegate = _DELEGATE.get(server or "")
    plain = unquote(path)
    if delegate is not None:
        plain = delegate.sub("", plain, count=1) if delegate.match(plain) else plain
    return plain.rstrip("/") or "/"


def request_accepts_gzip(request: HttpRequest) -> bool:
    """Whether the client takes a gzipped answer, as libprocess decides it (src/http.cpp)."""
    return negotiation.accepts_gzip(request.header("accept-encoding"))


def _plain(request: HttpRequest, path: str, query: str, server: ServerKind | None) -> PlainKey:
    method, body = request.method.decode("latin-1"), _digest(request.body)
    kind = request.header("content-type") if request.body else None
    return PlainKey(method, path, query, kind, body, server)


def _streamed(request: HttpRequest, api: Api) -> tuple[Message, ...]:
    """Decode all calls of a streamed request; none if one of them is not sound."""
    kind = request.header("message-content-type")
    try:
        return merge_terminal_input(
            [calls.decode_call(record, kind, api) for record in _records(request.body)]
        )
    except ValueError:
        return ()


def _records(body: bytes) -> list[bytes]:
    """The records of a streamed request. Raises ValueError if it is not whole RecordIO."""
    decoder = recordio.Decoder()
    pieces = [*decoder.feed(body), *decoder.close()]
    if not all(isinstance(piece, recordio.Record) for piece in pieces):
        raise ValueError("the streamed request is not RecordIO")
    return [piece.payload for piece in pieces if isinstance(piece, recordio.Record)]


def digest_calls(said: tuple[Message, ...]) -> bytes:
    """A digest of what was said, in whatever encoding.

    Unknown fields are left out, because Mesos's JSON parser drops them (stout/protobuf.hpp).
    Required ones may be missing, if they do not count.
    """
    for call in said:
        call.DiscardUnknownFields()
    data = [call.SerializePartialToString(deterministic=True) for call in said]
    return _digest(data[0] if len(data) == 1 else b"".join(map(recordio.encode, data)))


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest() if data else b""


_DATA = "data"

_IO = "attach_container_input.process_io"


def merge_terminal_input(calls: list[Message]) -> tuple[Message, ...]:
    """Leave out heartbeats, and join data that was typed in a row. The calls given may change.

    These are the records of ATTACH_CONTAINER_INPUT. When a terminal sends heartbeats, and where it
    splits what was typed into records, differs on every run. What counts is the container, the
    bytes, and where the window changed or the input ended.
    """
    kept: list[Message] = []
    for call in calls:
        if type_enum_name_at(call, f"{_IO}.control") == "HEARTBEAT":
            continue
        if kept and _bytes(call) and _bytes(kept[-1]):
            setattr(field_at(kept[-1], f"{_IO}.data"), _DATA, _bytes(kept[-1]) + _bytes(call))
        else:
            kept.append(call)
    return tuple(kept)


def _bytes(call: Message) -> bytes:
    """What a call types; empty data is the end of the input."""
    data = field_at(call, f"{_IO}.data.data")
    return data if isinstance(data, bytes) else b""
