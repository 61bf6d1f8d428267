"""Exchanges written as documents, and a playback of them."""

import pytest

from mesotape.cassettes.answers.answer import ReplayResponse
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest

HEADER = """\
---
mesotape: 1
server: {server}
recorded_at: 2026-11-22T12:18:29.104233Z
...
"""

EXCHANGE = """\
---
exchange: {number}
at: {at}
client: 1
request:
  method: {method}
  path: {path}
  headers:
    Content-Type: {content_type}
    Accept: {accept}
  {body}
response:
  after: 0.1
  {response}
...
"""

JSON, PROTOBUF = "application/json", "application/x-protobuf"

GET_HEALTH = b'{"type":"GET_HEALTH"}'

TEARDOWN = b'{"type":"TEARDOWN","teardown":{"framework_id":{"value":"f"}}}'


def exchange(number, body=GET_HEALTH, response="status: 202", at=0.0, **changes):
    told = {"method": "POST", "path": "/api/v1", "content_type": JSON, "accept": JSON} | changes
    text = body.decode() if isinstance(body, bytes) else body
    shown = text if text == "" or text.startswith("base64:") else f"text: '{text}'"
    return EXCHANGE.format(number=number, at=f"{at:f}", body=shown, response=response, **told)


def answering(text, **headers):
    lines = [f"    {name}: {value}" for name, value in headers.items()]
    return "\n".join(["status: 200", *(["  headers:", *lines] if lines else []), f"  text: {text}"])


def event(number, of, at, body):
    return f"---\nevent: {number}\nof: {of}\nat: {at:f}\n{body}\n...\n"


def end(of, at, cause):
    return f"---\nend: {of}\nat: {at:f}\ncause: {cause}\n...\n"


STREAM = (
    "status: 200\n  headers:\n    Transfer-Encoding: chunked\n    Content-Type: application/json"
    "\n  stream: recordio"
)


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*documents, server="master", **options):
        path = tmp_path / f"{len(opened)}.yaml"
        path.write_text(HEADER.format(server=server) + "".join(documents))
        opened.append(Cassette.open(path))
        return Playback(opened[-1], Options(**options))

    yield playback
    for cassette in opened:
        cassette.close()


def request(body=GET_HEALTH, *, method="POST", path="/api/v1", content_type=JSON, **headers):
    headers = {"Content-Type": content_type, "Accept": JSON} | headers
    pairs = [
        (n.replace("_", "-").encode(), v.encode()) for n, v in headers.items() if v is not None
    ]
    return HttpRequest(method.encode(), path.encode(), tuple(pairs), body)


def body_of(answer):
    assert isinstance(answer, ReplayResponse)
    return answer.body


def reason_of(answer):
    assert isinstance(answer, Miss)
    return answer.reason
