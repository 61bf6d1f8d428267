"""Cassettes of vcrpy, in YAML or JSON, as traffic.

    interactions:
    - request: {method: POST, uri: "http://master.example:5050/api/v1", body: …, headers: {…}}
      response: {status: {code: 200, message: OK}, headers: {…}, body: {string: …}}
    version: 1

They have no times: an exchange is one millisecond after the one before it. Interactions are read
one by one.
"""

import base64
from collections.abc import Iterable, Iterator
from mmap import mmap
from typing import IO, Any, cast

import msgspec
import yaml
from msgspec import Struct, field
from yaml import events

from ...proto.http.gzip_coding import gzip_compress
from ...proto.http.headers import header_pairs, header_value
from ...proto.http.reason_phrases import reason_phrase
from ..interchange.losses import Losses
from ..interchange.urls import split_url
from ..recording.observations import HeaderFields
from ..recording.whole_exchange import WholeExchange, WholeRequest, WholeResponse
from .json_spans import elements_of, find_list
from .traffic import ForeignFileError, Origins, Traffic, observe_all, with_record_chunks

_STEP_SECONDS = 0.001
_GZIP = b"\x1f\x8b"
_NULLS = ("", "~", "null", "Null", "NULL")

type _HeaderValues = dict[str, list[str] | str]


class VcrRequest(Struct, frozen=True):
    """A request."""

    method: str
    uri: str
    body: Any = None
    headers: _HeaderValues = {}


class VcrStatus(Struct, frozen=True):
    """The status of a response."""

    code: int
    message: str | None = None


class VcrBody(Struct, frozen=True):
    """The body of a response."""

    string: Any = ""  # text or bytes, which msgspec does not tell apart


class VcrResponse(Struct, frozen=True):
    """A response."""

    status: VcrStatus
    headers: _HeaderValues = {}
    body: VcrBody = field(default_factory=VcrBody)


class VcrInteraction(Struct, frozen=True):
    """An exchange."""

    request: VcrRequest
    response: VcrResponse


def read_vcr_json(data: mmap, origins: Origins, losses: Losses) -> Traffic:
    """Read a cassette of the serializer `json`. Raises ForeignFileError."""
    spans = find_list(data, ("interactions",))
    if spans is None:
        raise ForeignFileError("not a cassette of vcrpy: expected a list of interactions")
    return _traffic(map(msgspec.json.decode, elements_of(data, spans)), origins, losses)


def read_vcr_yaml(file: IO[bytes], origins: Origins, losses: Losses) -> Traffic:
    """Read a cassette of the serializer `yaml`. Raises ForeignFileError."""
    return _traffic(_YamlItems(file).read(), origins, losses)


def _traffic(interactions: Iterable[object], origins: Origins, losses: Losses) -> Traffic:
    losses.add("times are not in the file: exchanges are one millisecond apart")
    return Traffic(
        tool="vcrpy", origins=origins, items=observe_all(_exchanges(interactions, origins, losses))
    )


def _exchanges(
    interactions: Iterable[object], origins: Origins, losses: Losses
) -> Iterator[WholeExchange]:
    number = 0
    found = iter(interactions)
    for count in range(1, 1 << 62):
        try:
            item = next(found, None)
            if item is None:
                return
            interaction = msgspec.convert(item, VcrInteraction)
            origin, path = _split(interaction.request.uri)
            if not origins.keep(origin):
                continue
            number += 1
            exchange = _exchange(interaction, number, origin, path)
        except (ValueError, RecursionError, yaml.YAMLError) as error:
            text = " ".join(str(error).split())
            raise ForeignFileError(f"interaction {count}: {text}") from error
        yield with_record_chunks(exchange, losses)


def _split(url: str) -> tuple[str, str]:
    split = split_url(url)
    if split is None:
        raise ValueError(f"uri: found {url!r}, expected an HTTP URL")
    return split


def _exchange(interaction: VcrInteraction, number: int, origin: str, path: str) -> WholeExchange:
    request, response = interaction.request, interaction.response
    at = round(number * _STEP_SECONDS, 6)
    headers = header_pairs(request.headers)
    if header_value(headers, "host") is None:
        headers.insert(0, ("Host", origin.partition("://")[2]))
    status = response.status
    answer_headers = header_pairs(response.headers)
    return WholeExchange(
        number=number,
        at=at,
        client=1,
        request=WholeRequest(
            method=request.method,
            path=path,
            headers=headers,
            body=_body(request.body, headers),
            ended_at=at,
        ),
        response=WholeResponse(
            at=at,
            status=status.code,
            reason=status.message or reason_phrase(status.code),
            headers=answer_headers,
            body=_body(response.body.string, answer_headers),
        ),
        ended_at=at,
    )


def _body(body: object, headers: HeaderFields) -> bytes:
    """Return a body as it was sent: vcrpy may have undone its content coding."""
    match body:
        case None:
            return b""
        case bytes():
            data = body
        case str():
            data = body.encode("utf-8", "surrogatepass")
        case _:
            data = msgspec.json.encode(body)
    if header_value(headers, "content-encoding") == "gzip" and data[:2] != _GZIP and data:
        return gzip_compress(data)
    return data


class _YamlItems:
    """Reads the interactions of a YAML file one by one, from the events of libyaml's parser."""

    # PyYAML itself would hold the whole file. Values have few types here: text, binary, numbers
    # and null; aliases, which PyYAML writes for headers that two interactions share, are kept.

    def __init__(self, file: IO[bytes]) -> None:
        self._events = iter(yaml.parse(file, Loader=yaml.CSafeLoader))
        self._anchors: dict[str, object] = {}

    def read(self) -> Iterator[object]:
        for event in self._events:
            match event:
                case events.SequenceStartEvent():  # Version 0 of the format is a list.
                    yield from self._list()
                case events.MappingStartEvent():
                    yield from self._interactions()
                case events.ScalarEvent():
                    raise ForeignFileError("not a cassette of vcrpy: expected interactions")
                case _:
                    pass

    def _interactions(self) -> Iterator[object]:
        for key in self._events:
            if isinstance(key, events.MappingEndEvent):
                return
            value = next(self._events)
            is_list = isinstance(value, events.SequenceStartEvent)
            if is_list and getattr(key, "value", None) == "interactions":
                yield from self._list()
            else:
                self._value(value)

    def _list(self) -> Iterator[object]:
        for event in self._events:
            if isinstance(event, events.SequenceEndEvent):
                return
            yield self._value(event)

    def _value(self, event: events.Event) -> object:
        match event:
            case events.AliasEvent():
                return self._anchors.get(str(event.anchor))
            case events.SequenceStartEvent():
                value: object = list(self._list())
            case events.MappingStartEvent():
                value = dict(self._members())
            case _:
                value = _scalar(event)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = value
        return value

    def _members(self) -> Iterator[tuple[str, object]]:
        for key in self._events:
            if isinstance(key, events.MappingEndEvent):
                return
            yield str(getattr(key, "value", "")), self._value(next(self._events))


def _scalar(event: events.Event) -> object:
    text = str(cast("Any", event).value)
    if (getattr(event, "tag", None) or "").endswith(":binary"):
        return base64.b64decode(text)
    if not cast("Any", event).implicit[0]:
        return text
    if text in _NULLS:
        return None
    return int(text) if text.isdecimal() else text
