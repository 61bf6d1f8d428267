"""The captures as cassettes, with each request and the answer that is expected of a playback."""

import pytest

from mesotape.cassettes.recording.observations import (
    BodyData,
    ExchangeEnd,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api.endpoints import is_actor_message
from support.capture_to_cassette import write_observations
from support.captures import capture

CAUSES = {"complete": "server", "open": "stopped", "server-reset": "server-cut"}


def server_of(name):
    return "agent" if name.startswith(("agent", "executor", "secrets-agent")) else "master"


def playable(name):
    """Exchanges whose requests a server can understand, and that got an answer."""
    return [
        each
        for each in capture.expected(capture.load(name))
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
        yield BodyData(number, at, "client", request.raw_body)
    yield RequestEnd(number, at)
    yield ResponseHead(number, at, response.status, response.reason, list(response.headers))
    left = response.raw_body
    for _, size in response.chunks or [(0, len(left))]:
        if size:
            yield BodyData(number, at, "server", left[:size])
        left = left[size:]
    yield ExchangeEnd(number, at, CAUSES.get(each.end, each.end))


@pytest.fixture
def recorded(tmp_path):
    opened = []

    def record(name, exchanges):
        observations = (
            fact for number, each in enumerate(exchanges, 1) for fact in facts_of(number, each)
        )
        path = write_observations(observations, tmp_path / "cassette.yaml", server_of(name))
        opened.append(Cassette.open(path))
        return opened[-1]

    yield record
    for cassette in opened:
        cassette.close()
