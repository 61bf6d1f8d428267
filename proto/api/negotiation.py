"""Media types of requests and responses, and their encodings.

Mesos reads these headers in its own way (3rdparty/libprocess/src/http.cpp, src/slave/http.cpp):

    Content-Type     compared as a whole and case-sensitively: with a charset it is unknown
    Accept           absent: everything; empty: nothing. The first entry that matches a type
                     decides, first by `type/subtype`, then `type/*`, then `*/*`; it refuses only by
                     exactly one `q` that is not a number above 0. Weights are not compared: JSON
                     is tried first, then protobuf, then, on agents, RecordIO
    Message-Accept   the same for the messages in RecordIO, and an error without RecordIO
    Accept-Encoding  absent or empty: no gzip; else as Accept, `gzip` before `*`

`headers` are those that `last_header_values` returns.
"""

import math
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from ..http.headers import HeaderMapping, HeaderPairs, HeadersByName, header_value
from ..messages.descriptors import Encoding as Encoding
from .apis import Api

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
RECORDIO = "application/recordio"

ENCODINGS: Mapping[str | None, Encoding] = {JSON: "json", PROTOBUF: "protobuf"}
"""Encoding of a message by its media type. RecordIO has none: see Message-Content-Type."""

_NO_BLANKS = str.maketrans("", "", " \t\n")


class ResponseType(Struct, frozen=True):
    """The Content-Type of a response, and its Message-Content-Type, which only RecordIO has."""

    content_type: str
    message_content_type: str | None = None

    @property
    def encoding(self) -> Encoding:
        """The encoding of the message or, in RecordIO, of the messages."""
        return ENCODINGS[self.message_content_type or self.content_type]


def request_encoding(headers: HeadersByName) -> Encoding | None:
    """Return the encoding of a request's message or messages, or None if Mesos knows none."""
    content_type = headers.get("content-type")
    if content_type == RECORDIO:
        content_type = headers.get("message-content-type")
    return ENCODINGS.get(content_type)


def body_encoding(headers: HeaderMapping | HeaderPairs) -> Encoding | None:
    """Return the encoding of the message or messages in a body, or None if Mesos knows none."""
    media_type = header_value(headers, "message-content-type")
    return ENCODINGS.get(media_type or header_value(headers, "content-type"))


def negotiate_response_type(api: Api, headers: HeadersByName) -> ResponseType | None:
    """Choose the media type of a response; None means a 406."""
    return _choose(api.name == "agent", _accept(headers), headers.get("message-accept"))


@lru_cache(maxsize=256)
def _choose(is_agent: bool, accept: str | None, message_accept: str | None) -> ResponseType | None:
    chosen = _first_accepted(accept, (JSON, PROTOBUF))
    if not is_agent:
        return ResponseType(chosen) if chosen else None
    if chosen:
        return ResponseType(chosen) if message_accept is None else None
    message = _first_accepted(message_accept, (JSON, PROTOBUF))
    return (
        ResponseType(RECORDIO, message)
        if message and accepts_media_type(accept, RECORDIO)
        else None
    )


def first_accepted_media_type(headers: HeadersByName, media_types: tuple[str, ...]) -> str | None:
    """Return the first of the media types that the client accepts."""
    return _first_accepted(_accept(headers), media_types)


def is_negotiated(api: Api, call_type: str | None) -> bool:
    """Return whether the server reads Accept for this call; otherwise it never answers 406."""
    match api.name:
        case "master" | "agent":
            return True
        case "scheduler":
            return call_type in ("SUBSCRIBE", "RECONCILE_OPERATIONS")
        case _:
            return call_type == "SUBSCRIBE"


def accepts_media_type(header: str | None, media_type: str) -> bool:
    """Return whether an Accept or Message-Accept header, None if absent, allows a media type."""
    if header is None:
        return True
    main_type = media_type.partition("/")[0]
    return _allows(header, (media_type, f"{main_type}/*", "*/*"))


def accepts_gzip(header: str | None) -> bool:
    """Return whether an Accept-Encoding header, None if absent, allows gzip."""
    return header is not None and _allows(header, ("gzip", "*"))


def _accept(headers: HeadersByName) -> str | None:
    """Return Accept, or without it Accept-Type: documents of 2016 name it so; Mesos ignores it."""
    return headers.get("accept", headers.get("accept-type"))


@lru_cache(maxsize=256)
def _first_accepted(accept: str | None, media_types: tuple[str, ...]) -> str | None:
    return next((each for each in media_types if accepts_media_type(accept, each)), None)


def _allows(header: str, candidates: tuple[str, ...]) -> bool:
    """Return whether an Accept-like header allows a type, of which `candidates` are the spellings.

    This is `acceptsMediaType` and `acceptsEncoding` of libprocess, not RFC 9110:

    - Blanks are removed everywhere, also inside names; empty entries and parameters are skipped.
    - Candidates are in the order from the exact type to the wildcard. The first candidate that any
      entry names decides, by the first such entry. Later entries are not read, so a wildcard does
      not allow a type that its exact entry refuses.
    - Names of entries are compared in lower case. A type that no entry names is not allowed.
    """
    entries = [entry for entry in header.translate(_NO_BLANKS).split(",") if entry.strip(";")]
    for candidate in candidates:
        for entry in entries:
            name, *parameters = [part for part in entry.split(";") if part]
            if name.lower() == candidate:
                return _has_weight([name, *parameters])
    return False


def _has_weight(parts: list[str]) -> bool:
    """Return whether the `;`-separated parts of an entry have a `q` above 0, or no single `q`.

    libprocess splits every part, the name included, at `=`, skips empty sides, and reads `q` (in
    lower case only) if there is exactly one pair of it: without a `q`, or with two, the entry
    allows. A `q` that is not a number refuses, and so does NaN, because it is not above 0. Python's
    float() accepts digits grouped by `_`, C++ does not: here they are not a number.
    """
    pairs = [[side for side in part.split("=") if side] for part in parts]
    weights = [pair[1] for pair in pairs if len(pair) == 2 and pair[0] == "q"]
    if len(weights) != 1:
        return True
    try:
        weight = math.nan if "_" in weights[0] else float(weights[0])
    except ValueError:
        return False
    return weight > 0
