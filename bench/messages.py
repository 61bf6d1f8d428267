"""Messages that the measurements use, on the wire and in cassettes."""

import datetime
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mesotape.cassettes.format import bodies, yaml_writer
from mesotape.cassettes.format.documents import (
    Document,
    End,
    Event,
    Exchange,
    Header,
    Headers,
    Request,
    Response,
)
from mesotape.proto.messages import mapping

JSON, PROTOBUF = "application/json", "application/x-protobuf"
RECORDED_AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

EVENT = json.dumps(
    {
        "type": "TASK_UPDATED",
        "task_updated": {
            "framework_id": {"value": "8f9d9f0e-5e3e-4a0a-8a3f-0b9f1c6d2a11-0000"},
            "status": {
                "task_id": {"value": "task-17"},
                "state": "TASK_RUNNING",
                "source": "SOURCE_EXECUTOR",
                "uuid": "4RgGvjB8SZmQ8hZQX9ZtJw==",
                "timestamp": 1795348709.251,
            },
            "state": "TASK_RUNNING",
        },
    },
    separators=(",", ":"),
).encode()
"""An event of 300 bytes."""

EVENT_MESSAGE, CALL_MESSAGE = "mesos.v1.master.Event", "mesos.v1.master.Call"
RESPONSE_MESSAGE = "mesos.v1.master.Response"
SUBSCRIBE = b'{"type":"SUBSCRIBE"}'
GET_FLAGS = b'{"type":"GET_FLAGS"}'


def flags(size: int) -> bytes:
    """Return an answer to GET_FLAGS of about `size` bytes of JSON."""
    count = max(1, size // 27)
    text = ",".join(f'{{"name":"n{number:06}","value":"v"}}' for number in range(count))
    return b'{"type":"GET_FLAGS","get_flags":{"flags":[%b]}}' % text.encode()


def tasks(size: int) -> bytes:
    """Return a GET_STATE answer of about `size` bytes of JSON."""
    task = (
        '{"name":"task","task_id":{"value":"task-%06d"},"framework_id":{"value":"'
        '8f9d9f0e-5e3e-4a0a-8a3f-0b9f1c6d2a11-0000"},"agent_id":{"value":"'
        '8f9d9f0e-5e3e-4a0a-8a3f-0b9f1c6d2a11-S0"},"state":"TASK_RUNNING","resources":['
        '{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}},'
        '{"name":"mem","type":"SCALAR","scalar":{"value":128.0}}]}'
    )
    text = ",".join(task % number for number in range(max(1, size // len(task))))
    return f'{{"type":"GET_STATE","get_state":{{"get_tasks":{{"tasks":[{text}]}}}}}}'.encode()


def in_encoding(text: bytes, message: str, media_type: str) -> bytes:
    """Return a JSON message in the encoding of a media type."""
    return text if media_type == JSON else mapping.decode(text, message).SerializeToString()


def request_headers(media_type: str = JSON) -> Headers:
    """Return the headers that a Python client sends."""
    return {
        "Host": "127.0.0.1:5050",
        "User-Agent": "python-requests/2.32.3",
        "Accept-Encoding": "gzip, deflate",
        "Accept": media_type,
        "Connection": "keep-alive",
        "Content-Type": media_type,
    }


def post(body: bytes, media_type: str = JSON, accept: str = "", **more: str) -> bytes:
    """Return a POST to /api/v1 as it is on the wire."""
    headers = request_headers(media_type) | {"Accept": accept or media_type} | more
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /api/v1 HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answer(body: bytes, media_type: str = JSON) -> bytes:
    """Return the answer that a replay gives for an `exchange`, as it is on the wire."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in _answer_headers(body, media_type))
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


def _answer_headers(body: bytes, media_type: str) -> list[tuple[str, str]]:
    return [
        ("Date", "Sun, 22 Nov 2026 12:18:29 GMT"),
        ("Content-Length", str(len(body))),
        ("Content-Type", media_type),
    ]


def exchange(number: int, call: bytes, answered: bytes, media_type: str = JSON) -> Exchange:
    """Return an exchange whose answer is not a stream."""
    return Exchange(
        exchange=number,
        at=float(number),
        client=1,
        request=_request(call, media_type),
        response=Response(
            after=0.001,
            status=200,
            headers=dict(_answer_headers(answered, media_type)),
            **_fields(answered, RESPONSE_MESSAGE, media_type),
        ),
    )


def stream(
    number: int, records: Iterable[tuple[float, bytes]], media_type: str = JSON
) -> Iterable[Document]:
    """Yield the documents of a stream; records have the time at which they came."""
    headers: Headers = {"Transfer-Encoding": "chunked", "Content-Type": media_type}
    yield Exchange(
        exchange=number,
        at=0.0,
        client=number,
        request=_request(in_encoding(SUBSCRIBE, CALL_MESSAGE, media_type), media_type),
        response=Response(after=0.001, status=200, stream="recordio", headers=headers),
    )
    at = 0.0
    shown: dict[bytes, Any] = {}
    for event, (at, record) in enumerate(records, 1):
        if record not in shown:
            shown = {record: _fields(record, EVENT_MESSAGE, media_type)}
        yield Event(event=event, of=number, at=round(at, 6), **shown[record])
    yield End(end=number, at=round(at, 6), cause="server")


def _request(call: bytes, media_type: str) -> Request:
    return Request(
        method="POST",
        path="/api/v1",
        headers=request_headers(media_type),
        **_fields(call, CALL_MESSAGE, media_type),
    )


def _fields(body: bytes, message: str, media_type: str) -> bodies.BodyFields:
    return bodies.decode_body(body, "json" if media_type == JSON else "proto", message)


def write(path: Path, documents: Iterable[Document]) -> Path:
    """Write a cassette of a master."""
    with path.open("wb") as file:
        header = Header(mesotape=1, server="master", recorded_at=RECORDED_AT)
        file.write(yaml_writer.format_document(header))
        file.writelines(map(yaml_writer.format_document, documents))
    return path
