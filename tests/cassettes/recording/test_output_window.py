"""Secrets that are split over events: of container output, and of chunks of any other body."""

import json
from base64 import b64decode, b64encode

import pytest

from mesotape.cassettes.format import bodies
from mesotape.cassettes.format.documents import Document, End, Event
from mesotape.cassettes.recording.observations import (
    BodyData,
    ExchangeEnd,
    RecordingStopped,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.recording import Recording
from mesotape.proto import recordio
from mesotape.proto.messages import mapping

TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT" * 2
KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "MIIEvQIBADANBgkqhkiG9w0BAQEF\n" * 60
    + "-----END PRIVATE KEY-----"
)
TEXTS = {
    "token": (f"a log line, token {TOKEN} and more\n" * 3, [TOKEN]),
    "password": ("db password=kX9.fj2-ffQ0zz\n" * 2, ["kX9.fj2-ffQ0zz", "fj2-ffQ0"]),
    "key": (f"cat key\n{KEY}\ndone\n", ["MIIEvQIBADANBgkqhkiG9w0BAQEF"]),
    "base64": (
        b64encode(f"x {TOKEN} y".encode()).decode() + f" {TOKEN}",
        [TOKEN, "YUIzZEU2Z0g5aksybU41cFE4c1"],
    ),
}


def data_message(data: bytes, kind: str) -> bytes:
    text = json.dumps(
        {"type": "DATA", "data": {"type": "STDOUT", "data": b64encode(data).decode()}}
    ).encode()
    if kind == "protobuf":
        return mapping.decode(text, "mesos.v1.agent.ProcessIO").SerializeToString()
    return text.replace(b" ", b"")


def record(pieces: list[bytes], kind: str, end: object = None) -> list[Document]:
    """Record a stream with the pieces as its records or, of the kind `chunks`, as its chunks."""
    recording = Recording("agent")
    media_type = {"json": "application/json", "protobuf": "application/x-protobuf"}.get(kind, "")
    call = b"""{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":
        {"container_id":{"value":"c"}}}"""
    path = "/files/download" if kind == "chunks" else "/api/v1"
    headers = [("Content-Type", media_type or "text/plain"), ("Transfer-Encoding", "chunked")]
    documents: list[Document] = []
    chunks = (
        pieces if kind == "chunks" else [recordio.encode(data_message(p, kind)) for p in pieces]
    )
    for one in (
        RequestHead(
            1, 0.0, 1, None, "POST", path, "HTTP/1.1", [("Content-Type", "application/json")]
        ),
        BodyData(1, 0.0, "client", call),
        RequestEnd(1, 0.0),
        ResponseHead(1, 0.1, 200, "OK", headers),
        *(BodyData(1, 0.2 + number, "server", chunk) for number, chunk in enumerate(chunks)),
        end or ExchangeEnd(1, 1e6, "server"),
    ):
        documents += [each for each in recording.feed(one) if not isinstance(each, bytes)]
    return documents


def output(documents: list[Document], kind: str) -> bytes:
    data = b""
    for event in documents:
        if isinstance(event, Event):
            shown = event.json or event.proto
            if kind == "chunks" or shown is None:
                data += bodies.encode_body(event)
            else:
                data += b64decode(json.loads(shown)["data"]["data"])
    return data


KINDS = pytest.mark.parametrize("kind", ["json", "protobuf", "chunks"])


@KINDS
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("size", [1, 3, 7, 20, 1000])
def test_a_secret_is_found_however_output_is_split(kind: str, name: str, size: int) -> None:
    text, secrets = TEXTS[name]
    pieces = [text[i : i + size].encode() for i in range(0, len(text), size)]
    documents = record(pieces, kind)
    data = output(documents, kind)
    for secret in secrets:
        assert secret.encode() not in data
    assert data.count(b"REDACTED-") >= 1 or name == "base64"
    events = [one for one in documents if isinstance(one, Event)]
    assert [event.event for event in events] == list(range(1, len(pieces) + 1))
    assert isinstance(documents[-1], End)


@KINDS
def test_output_without_a_secret_is_what_came(kind: str) -> None:
    pieces = [b"line %d of the token_count log\n" % number for number in range(2000)]
    documents = record(pieces, kind)
    assert output(documents, kind) == b"".join(pieces)
    assert len(documents) == 2002


@KINDS
def test_what_is_held_is_written_when_the_recording_stops(kind: str) -> None:
    documents = record([b"a", b"b"], kind, RecordingStopped(0, 9.0))
    assert output(documents, kind) == b"ab"
    assert isinstance(documents[-1], End)


def test_a_secret_across_the_window_is_found() -> None:
    for shift in range(0, 40, 3):
        text = "x" * (8 * 1024 - 20 - shift) + f" {TOKEN} " + "y" * 30_000
        pieces = [text[i : i + 16].encode() for i in range(0, len(text), 16)]
        assert TOKEN.encode() not in output(record(pieces, "json"), "json")
