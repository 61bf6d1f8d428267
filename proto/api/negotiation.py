"""Media types: what a request is in, and what its answer is to be in.

Mesos reads these headers in its own way (3rdparty/libprocess/src/http.cpp, src/slave/http.cpp):

    Content-Type     the whole value counts, case included: a charset behind it makes it unknown
    Accept           absent: everything; empty: nothing. The first entry that fits a type decides,
                     looked for as `type/subtype`, then `type/*`, then `*/*`; it refuses only by
                     exactly one `q` that is not a number above 0. Weights are not compared: JSON
                     is tried first, then protobuf, then, by an agent, RecordIO
    Message-Accept   the same for the messages in RecordIO, and an error without RecordIO
    Accept-Encoding  absent or empty: no gzip; else as Accept, `gzip` before `*`

A repeated header counts as its last. Header names are in any case.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from .apis import Api

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
RECORDIO = "application/recordio"

type HeaderPairs = Iterable[tuple[str, str]]
type Encoding = Literal["json", "protobuf"]

_NO_BLANKS = str.maketrans("", "", " \t\n")
_ENCODINGS: dict[str | None, Encoding] = {JSON: "json", PROTOBUF: "protobuf"}


class ResponseType(Struct, frozen=True):
    """What an answer is labelled: its Content-Type, and its Message-Content-Type if it has one."""

    content_type: str
    message_content_type: str | None = None

    @property
    def encoding(self) -> Encoding:
        """Say how messages are written in it."""
        return _ENCODINGS[self.message_content_type or self.content_type]


def request_encoding(headers: HeaderPairs) -> Encoding | None:
    """Say how the message or, in RecordIO, the messages of a request are written; None: unknown."""
    last = _last_values(headers)
    content_type = last.get("content-type")
    if content_type == RECORDIO:
        content_type = last.get("message-content-type")
    return _ENCODINGS.get(content_type)


def negotiate_response_type(api: Api, headers: HeaderPairs) -> ResponseType | None:
    """Choose the media type of an answer; None is a 406.

    `Accept-Type`, the name in documents of 2016, counts if there is no Accept; Mesos ignores it.
    """
    last = _last_values(headers)
    return choose_response_type(
        api, last.get("accept", last.get("accept-type")), last.get("message-accept")
    )


def choose_response_type(
    api: Api, accept: str | None, message_accept: str | None
) -> ResponseType | None:
    """Choose as `response_type` does, by the values of the headers, None for absent ones."""
    return _chosen(api.name == "agent", accept, message_accept)


@lru_cache(maxsize=256)
def _chosen(by_agent: bool, accept: str | None, message_accept: str | None) -> ResponseType | None:
    chosen = _first_accepted(accept, (JSON, PROTOBUF))
    if not by_agent:
        return ResponseType(chosen) if chosen else None
    if chosen:
        return ResponseType(chosen) if message_accept is None else None
    message = _first_accepted(message_accept, (JSON, PROTOBUF))
    return (
        ResponseType(RECORDIO, message)
        if message and accepts_media_type(accept, RECORDIO)
        else None
    )


def first_accepted_media_type(headers: HeaderPairs, media_types: tuple[str, ...]) -> str | None:
    """Find the first media type that Accept, or without it `Accept-Type`, allows."""
    last = _last_values(headers)
    return _first_accepted(last.get("accept", last.get("accept-type")), media_types)


def is_negotiated(api: Api, call_type: str | None) -> bool:
    """Whether the server looks at Accept for this call; if not, no Accept makes it a 406."""
    match api.name:
        case "master" | "agent":
            return True
        case "scheduler":
            return call_type in ("SUBSCRIBE", "RECONCILE_OPERATIONS")
        case _:
            return call_type == "SUBSCRIBE"


def accepts_media_type(header: str | None, media_type: str) -> bool:
    """Whether an Accept or Message-Accept header, None if absent, allows a media type."""
    if header is None:
        return True
    kind = media_type.partition("/")[0]
    return _allows(header, (media_type, f"{kind}/*", "*/*"))


def accepts_gzip(header: str | None) -> bool:
    """Whether an Accept-Encoding header, None if absent, allows gzip."""
    return header is not None and _allows(header, ("gzip", "*"))


def _last_values(headers: HeaderPairs) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


@lru_cache(maxsize=256)
def _first_accepted(accept: str | None, media_types: tuple[str, ...]) -> str | None:
    return next(
        (candidate for candidate in media_types if accepts_media_type(accept, candidate)), None
    )


def _allows(header: str, candidates: tuple[str, ...]) -> bool:
    entries = [entry for entry in header.translate(_NO_BLANKS).split(",") if entry.strip(";")]
    for candidate in candidates:
        for entry in entries:
            name, *parameters = [part for part in entry.split(";") if part]
            if name.lower() == candidate:
                return _has_weight([name, *parameters])
    return False


def _has_weight(parts: list[str]) -> bool:
    """Whether `q` is above 0, or not given exactly once."""
    pairs = [[side for side in part.split("=") if side] for part in parts]
    weights = [pair[1] for pair in pairs if len(pair) == 2 and pair[0] == "q"]
    if len(weights) != 1:
        return True
    try:
        weight = math.nan if "_" in weights[0] else float(weights[0])
    except ValueError:
        return False
    return weight > 0
