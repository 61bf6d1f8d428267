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
from ...proto.api.refusals import Refusal, examined
from ...proto.http.request import Received
from ...proto.messages.fields import at, call_type, type_at
from .ignore_rules import NOTHING, Ignoring

type Wanted = ResponseType | None
"""What an answer is labelled; None if it has no message, so that its encoding is no matter."""

_READ_ONLY = frozenset({"GET", "HEAD"})
_DIGEST_BYTES = 16
_HOST = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_DELEGATE = {"master": re.compile(r"/master(?=/|$)"), "agent": re.compile(r"/slave\(\d+\)(?=/|$)")}


class CallKey(Struct, frozen=True):
    """A v1 call by its meaning; `message` is a digest, so that keys of large calls are small."""

    api: str
    call: str
    message: bytes
    refusal: str = ""


class PlainKey(Struct, frozen=True):
    """Any other request, by its bytes; `body` is a digest."""

    method: str
    path: str
    query: str
    content_type: str | None
    body: bytes
    server: ServerKind | None = None


type Key = CallKey | PlainKey


class Meaning(Struct, frozen=True, kw_only=True):
    """What a request is: its key, and what a miss needs to explain itself.

    `wanted` is what the answer is to be labelled. `refusal` is what Mesos answers if it refuses the
    request as it stands. `calls` are the decoded call, or all records of a streamed one; none for a
    plain request. `compared` is what counts of them.
    """

    key: Key
    mutating: bool
    path: str
    wanted: Wanted = None
    refusal: Refusal | None = None
    content_type: str | None = None
    type: CallType | None = None
    calls: tuple[Message, ...] = ()
    compared: tuple[Message, ...] = ()

    @property
    def what(self) -> str | None:
        """The call, for people."""
        return f"{self.key.api} call {self.key.call}" if isinstance(self.key, CallKey) else None


def meaning(request: Received, server: ServerKind | None, ignoring: Ignoring = NOTHING) -> Meaning:
    """Read a request as a server of this kind would, leaving out what does not count."""
    path, _, query = _HOST.sub("", request.target.decode("latin-1")).partition("?")
    found = examined(request, path, query, server)
    api, why, said = endpoints.find(path, server), found.refusal, ()
    path, sent = folded(path, server), request.header("content-type")
    if api is not None and found.call is not None:
        said = _streamed(request, api) if sent == negotiation.RECORDIO else (found.call,)
    call = call_type(said[0]) if said else None
    if api is None or call is None or call not in api.calls:
        key = _plain(request, path, ignoring.query(query), server)
        mutating = key.method not in _READ_ONLY and why is None
        return Meaning(key=key, mutating=mutating, path=path, refusal=why, content_type=sent)
    kind, compared = api.calls[call], ignoring.counts(said, api)
    return Meaning(
        key=CallKey(api.name, call, canonical(compared), "" if why is None else str(why)),
        mutating=kind.mutating and why is None,
        path=path,
        wanted=found.label if why is None and (kind.record or kind.response) else None,
        refusal=why,
        content_type=sent,
        type=kind,
        calls=said,
        compared=compared,
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


def takes_gzip(request: Received) -> bool:
    """Whether the client takes a gzipped answer, as libprocess decides it (src/http.cpp)."""
    return negotiation.accepts_gzip(request.header("accept-encoding"))


def _plain(request: Received, path: str, query: str, server: ServerKind | None) -> PlainKey:
    method, body = request.method.decode("latin-1"), _digest(request.body)
    kind = request.header("content-type") if request.body else None
    return PlainKey(method, path, query, kind, body, server)


def _streamed(request: Received, api: Api) -> tuple[Message, ...]:
    """Decode all calls of a streamed request; none if one of them is not sound."""
    kind = request.header("message-content-type")
    try:
        return typed([calls.read(record, kind, api) for record in _records(request.body)])
    except ValueError:
        return ()


def _records(body: bytes) -> list[bytes]:
    """The records of a streamed request. Raises ValueError if it is not whole RecordIO."""
    decoder = recordio.Decoder()
    pieces = [*decoder.feed(body), *decoder.close()]
    if not all(isinstance(piece, recordio.Record) for piece in pieces):
        raise ValueError("the streamed request is not RecordIO")
    return [piece.payload for piece in pieces if isinstance(piece, recordio.Record)]


def canonical(said: tuple[Message, ...]) -> bytes:
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


def typed(calls: list[Message]) -> tuple[Message, ...]:
    """Leave out heartbeats, and join data that was typed in a row. The calls given may change.

    These are the records of ATTACH_CONTAINER_INPUT. When a terminal sends heartbeats, and where it
    splits what was typed into records, differs on every run. What counts is the container, the
    bytes, and where the window changed or the input ended.
    """
    kept: list[Message] = []
    for call in calls:
        if type_at(call, f"{_IO}.control") == "HEARTBEAT":
            continue
        if kept and _bytes(call) and _bytes(kept[-1]):
            setattr(at(kept[-1], f"{_IO}.data"), _DATA, _bytes(kept[-1]) + _bytes(call))
        else:
            kept.append(call)
    return tuple(kept)


def _bytes(call: Message) -> bytes:
    """What a call types; empty data is the end of the input."""
    data = at(call, f"{_IO}.data.data")
    return data if isinstance(data, bytes) else b""
