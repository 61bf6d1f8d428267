"""What a real cluster said comes back from a cassette, byte for byte."""

import datetime
import gzip

import pytest
from support.capture_requests import sent
from support.captures import tape

from mesotape.cassettes.answers.answer import StreamAnswer
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import Header
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.recording.observations import (
    Data,
    ExchangeEnd,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.recording.recording import Recording
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api.endpoints import is_actor_message

SMALL = sorted(tape.SMALL.glob("*.jsonl.gz"))
CAUSES = {"complete": "server", "open": "stopped", "server-reset": "server-cut"}


def server_of(name):
    return "agent" if name.startswith(("agent", "executor", "secrets-agent")) else "master"


def playable(name):
    """Exchanges whose requests a server can understand, and that got an answer."""
    return [
        each
        for each in tape.expected(tape.load(name))
        if each.request.complete and not each.request.broken and each.response is not None
        if not is_actor_message(each.request.headers)
    ]


def facts_of(number, each):
    request, response = each.request, each.response
    at = float(number)
    yield RequestHead(
        number, at, 1, None, request.method, request.target, "HTTP/1.1", list(request.headers)
    )
    if request.raw_body:
        yield Data(number, at, "client", request.raw_body)
    yield RequestEnd(number, at)
    yield ResponseHead(number, at, response.status, response.reason, list(response.headers))
    left = response.raw_body
    for _, size in response.chunks or [(0, len(left))]:
        if size:
            yield Data(number, at, "server", left[:size])
        left = left[size:]
    yield ExchangeEnd(number, at, CAUSES.get(each.end, each.end))


def laid_out(document):
    return document if isinstance(document, bytes) else yaml_writer.document(document)


@pytest.fixture
def recorded(tmp_path):
    opened = []

    def record(name, exchanges):
        server = server_of(name)
        at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        recording, path = Recording(server), tmp_path / "cassette.yaml"
        with path.open("wb") as file:
            file.write(yaml_writer.document(Header(mesotape=1, server=server, recorded_at=at)))
            for number, each in enumerate(exchanges, 1):
                for fact in facts_of(number, each):
                    file.writelines(map(laid_out, recording.feed(fact)))
        opened.append(Cassette.open(path))
        return opened[-1]

    yield record
    for cassette in opened:
        cassette.close()


def played(answer, response):
    """Head and body of an answer, in the terms of a capture: the body is free of gzip."""
    assert not isinstance(answer, Miss), str(answer)
    status, *fields = answer.head.decode("latin-1").split("\r\n")[:-2]
    headers = [tuple(field.split(": ", 1)) for field in fields]
    if isinstance(answer, StreamAnswer):
        steps = [step for _, step in answer.steps]
        body = b"".join(step for step in steps if isinstance(step, bytes))
    elif ("Content-Encoding", "gzip") in headers:
        body = gzip.decompress(answer.body)
        zipped, told = str(len(answer.body)), str(len(response.raw_body))
        headers = [(n, told if (n, v) == ("Content-Length", zipped) else v) for n, v in headers]
    else:
        body = answer.body
    return status, [(name, value.strip()) for name, value in headers], body


@pytest.mark.parametrize("name", [path.name.split(".")[0] for path in SMALL])
def test_every_answer_comes_back(name, recorded):
    exchanges = playable(name)
    playback = Playback(recorded(name, exchanges), Options(pace=Instant()))
    for each in exchanges:
        response = each.response
        answer = playback.answer(sent(each.request), 0.0)
        status, headers, body = played(answer, response)
        assert status == f"HTTP/1.1 {response.status} {response.reason}"
        if each.request.method != "HEAD":
            assert headers == [(n, v.strip()) for n, v in response.headers]
            assert body == response.body
    assert playback.unused == []
    assert playback.journal.missed == 0
