"""Cassettes written for a test: subscriptions with their events, and calls."""

import datetime
import json
from pathlib import Path

from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import (
    Document,
    End,
    Event,
    Exchange,
    Header,
    Request,
    Response,
)

RECORDED_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
JSON = {"Content-Type": "application/json"}
OPERATOR, SCHEDULER = "/api/v1", "/api/v1/scheduler"


def said(kind: str, **more: object) -> str:
    return json.dumps({"type": kind} | more, separators=(",", ":"))


SUBSCRIBE = said("SUBSCRIBE")
BEAT = said("HEARTBEAT")


def exchange(number: int, at: float, text: str, response: Response, path: str) -> Exchange:
    request = Request(method="POST", path=path, headers=JSON, text=text)
    return Exchange(exchange=number, at=at, client=number, request=request, response=response)


def call(
    number: int, at: float, text: str, answer: str = "", *, path: str = OPERATOR
) -> list[Document]:
    response = Response(after=0.001, status=200 if answer else 202, headers=JSON, text=answer)
    return [exchange(number, at, text, response, path)]


def stream(
    number: int,
    at: float,
    events: list[tuple[float, str]],
    *,
    text: str = SUBSCRIBE,
    path: str = OPERATOR,
    end: tuple[float, str] | None = None,
    **headers: str,
) -> list[Document]:
    """Return a subscription and its events; without `end`, it stays open."""
    head = {"Transfer-Encoding": "chunked"} | JSON | headers
    response = Response(after=0.0, status=200, headers=head, stream="recordio")
    told = [
        Event(event=n, of=number, at=when, text=said) for n, (when, said) in enumerate(events, 1)
    ]
    ended = [] if end is None else [End(end=number, at=end[0], cause=end[1])]
    return [exchange(number, at, text, response, path), *told, *ended]


def written(path: Path, *parts: list[Document], later: float = 0.0, server: str = "master") -> Path:
    """Write a cassette that began `later` seconds after others."""
    header = Header(
        mesotape=1, server=server, recorded_at=RECORDED_AT + datetime.timedelta(seconds=later)
    )
    documents = [header, *(document for part in parts for document in part)]
    path.write_bytes(b"".join(map(yaml_writer.format_document, documents)))
    return path
