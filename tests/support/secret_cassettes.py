"""Cassettes with secrets, as an earlier version or a person wrote them."""

import datetime
import json
from pathlib import Path

from msgspec import structs

from mesotape.cassettes.format.documents import (
    Document,
    Event,
    Exchange,
    Header,
    Note,
    Request,
    Response,
)
from mesotape.cassettes.format.yaml_writer import format_document

PASSWORD = "Hunter2-hunter2"
LATE = "Zq8-late-known-value"
SECRETS = (PASSWORD, LATE)

HEADER = Header(
    mesotape=1, server="master", recorded_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
)
JSON = {"Content-Type": "application/json"}
COMMAND = {"environment": {"variables": [{"name": "DB_PASSWORD", "value": PASSWORD}]}}
STREAM = Response(after=0.1, status=200, headers=JSON, stream="recordio")


def event(number: int, value: object) -> Event:
    return Event(event=number, of=1, at=number, json=json.dumps(value, indent=2))


def secret_documents() -> list[Document]:
    """Return a recording in which one secret is only known by its last document."""
    subscribe = Request(
        method="POST",
        path="/api/v1",
        headers=JSON | {"Authorization": f"Bearer {PASSWORD}"},
        json='{\n  "type": "SUBSCRIBE"\n}',
    )
    return [
        HEADER,
        Exchange(exchange=1, at=0, client=1, request=subscribe, response=STREAM),
        event(1, {"type": "HEARTBEAT"}),
        event(2, {"type": "TASK_ADDED", "task_added": {"task": {"name": f"of {LATE}"}}}),
        event(3, {"type": "TASK_ADDED", "command": COMMAND}),
        Note(note=f"asked /?token={LATE}", at=4, of=1),
    ]


def write_documents(path: Path, documents: list[Document]) -> Path:
    """Write documents as they are, unredacted."""
    path.write_bytes(b"".join(map(format_document, documents)))
    return path


def write_parts(folder: Path) -> list[Path]:
    """Write the recording in two files."""
    documents = secret_documents()
    header = structs.replace(HEADER, part=2)
    return [
        write_documents(folder / "a.yaml", documents[:4]),
        write_documents(folder / "a.2.yaml", [header, *documents[4:]]),
    ]
