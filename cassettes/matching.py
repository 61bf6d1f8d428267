"""Matching: what a request means, as a key that is equal for equal requests.

A v1 call is its API, its type, its message and the encoding of the answer it asks for:

    CallKey(api="scheduler", call="DECLINE", message=<digest>, answer="any")

however the message was written: JSON in any order and spacing, or protobuf. What Mesos would refuse
before looking at the call (a wrong Content-Type, a body that does not decode) and all other traffic
of the server is plain, and matches byte by byte:

    PlainKey(method="GET", path="/version", query="", content_type=None, body=<digest>)

Keys are computed from one request alone: finding an exchange takes as long in any cassette.
"""

import re
from hashlib import blake2b
from urllib.parse import unquote

from google.protobuf.message import Message
from msgspec import Struct

from ..proto import calls, endpoints, negotiation, recordio
from ..proto.endpoints import Api, CallType
from .documents import ServerKind
from .received import Received
from .terminal import typed

ANY = "any"
"""The answer has no message in it, so its encoding is no matter."""

REFUSED = "refused"
"""The client takes no encoding that Mesos writes: 406."""

_READ_ONLY = frozenset({"GET", "HEAD"})
_DIGEST_BYTES = 16
_HOST = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_DELEGATE = {"master": re.compile(r"/master(?=/|$)"), "agent": re.compile(r"/slave\(\d+\)(?=/|$)")}


class CallKey(Struct, frozen=True):
    """A v1 call by its meaning; `message` is a digest, so that keys of large calls are small."""

    api: str
    call: str
    message: bytes
    answer: str


class PlainKey(Struct, frozen=True):
    """Any other request, by its bytes; `body` is a digest."""

    method: str
    path: str
    query: str
    content_type: str | None
    body: bytes


type Key = CallKey | PlainKey


class Meaning(Struct, frozen=True, kw_only=True):
    """What a request is: its key, and what a miss needs to explain itself.

    `calls` are the decoded call, or all records of a streamed one; none for a plain request.
    """

    key: Key
    mutating: bool
    path: str
    content_type: str | None = None
    type: CallType | None = None
    calls: tuple[Message, ...] = ()

    @property
    def what(self) -> str | None:
        """The call, for people."""
        return f"{self.key.api} call {self.key.call}" if isinstance(self.key, CallKey) else None


def meaning(request: Received, server: ServerKind | None) -> Meaning:
    """Read a request as a server of this kind would."""
    path, _, query = _HOST.sub("", request.target.decode("latin-1")).partition("?")
    api = endpoints.find(path, server) if request.method == b"POST" else None
    said = () if api is None else decoded(request, api)
    call = endpoints.call_type(said[0]) if said else None
    path, sent = folded(path, server), request.header("content-type")
    if api is None or call is None or call not in api.calls:
        key = _plain(request, path, query)
        mutating = key.method not in _READ_ONLY
        return Meaning(key=key, mutating=mutating, path=path, content_type=sent)
    kind = api.calls[call]
    key = CallKey(api.name, call, _canonical(said), _answer(request, api, kind))
    return Meaning(
        key=key, mutating=kind.mutating, path=path, content_type=sent, type=kind, calls=said
    )


def decoded(request: Received, api: Api) -> tuple[Message, ...]:
    """Decode the call, or all calls of a streamed request; none if Mesos would refuse it."""
    kind = request.header("content-type")
    try:
        if kind != negotiation.RECORDIO:
            return (calls.read(request.body, kind, api),)
        kind = request.header("message-content-type")
        return typed([calls.read(record, kind, api) for record in _records(request.body)])
    except ValueError:
        return ()


def folded(path: str, server: ServerKind | None) -> str:
    """One spelling of a path: the actor that serves by default is left out, as are end slashes.

    libprocess rewrites `/state` to `/master/state` (3rdparty/libprocess/src/process.cpp).
    """
    delegate = _DELEGATE.get(server or "")
    plain = unquote(path)
    if delegate is not None:
        plain = delegate.sub("", plain, count=1) if delegate.match(plain) else plain
    return plain.rstrip("/") or "/"


def takes_gzip(request: Received) -> bool:
    """Whether the client takes a gzipped answer, as libprocess decides it (src/http.cpp)."""
    return negotiation.accepts_gzip(request.header("accept-encoding"))


def _plain(request: Received, path: str, query: str) -> PlainKey:
    kind = request.header("content-type") if request.body else None
    return PlainKey(request.method.decode("latin-1"), path, query, kind, _digest(request.body))


def _records(body: bytes) -> list[bytes]:
    """The records of a streamed request. Raises ValueError if it is not whole RecordIO."""
    decoder = recordio.Decoder()
    pieces = [*decoder.feed(body), *decoder.close()]
    if not all(isinstance(piece, recordio.Record) for piece in pieces):
        raise ValueError("the streamed request is not RecordIO")
    return [piece.payload for piece in pieces if isinstance(piece, recordio.Record)]


def _canonical(said: tuple[Message, ...]) -> bytes:
    """A digest of what was said, in whatever encoding.

    Unknown fields are left out, because Mesos's JSON parser drops them (stout/protobuf.hpp).
    """
    whole = bytearray()
    for call in said:
        call.DiscardUnknownFields()
        data = call.SerializeToString(deterministic=True)
        whole += recordio.encode(data)
    return _digest(bytes(whole))


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest() if data else b""


def _answer(request: Received, api: Api, kind: CallType) -> str:
    """The media type of the answer, if this API negotiates it for this call and it has messages."""
    if not negotiation.is_negotiated(api, kind.name):
        return ANY
    chosen = negotiation.response_type(api, request.fields)
    if chosen is None:
        return REFUSED
    if kind.record is None and kind.response is None:
        return ANY
    inner = chosen.message_content_type
    return chosen.content_type if inner is None else f"{chosen.content_type} of {inner}"
