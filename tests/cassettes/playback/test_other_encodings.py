"""Captured calls, written in another way than they were recorded, find their exchanges."""

import pytest
from support.capture_cassettes import playable, server_of
from support.capture_requests import sent
from support.captures import capture
from support.default_values import spelled_out, stripped

from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.proto.api.calls import decode_call, identify_call_type
from mesotape.proto.api.endpoints import find_api
from mesotape.proto.http.request import HttpRequest
from mesotape.proto.messages.mapping import encode

JSON, PROTOBUF = b"application/json", b"application/x-protobuf"

WRITERS = {
    "protobuf without defaults": (PROTOBUF, lambda call: stripped(call).SerializeToString()),
    "protobuf with all defaults": (PROTOBUF, lambda call: spelled_out(call).SerializeToString()),
    "JSON without defaults": (JSON, lambda call: encode(stripped(call), include_defaults=False)),
    "JSON with all defaults": (JSON, lambda call: encode(spelled_out(call))),
    "JSON as Mesos writes it": (JSON, encode),
}

CAPTURES = sorted(path.name.split(".")[0] for path in capture.SMALL.glob("*.jsonl.gz"))


def protobuf_calls(name):
    """Return the calls of a capture in protobuf, by the places of their exchanges."""
    calls = {}
    for place, each in enumerate(playable(name)):
        request = sent(each.request)
        api = find_api(each.request.target, server_of(name))
        media_type = request.header("content-type")
        if media_type != PROTOBUF.decode() or api is None:
            continue
        if identify_call_type(request.body, media_type, api) is not None:
            calls[place] = decode_call(request.body, media_type, api)
    return calls


def rewritten(request, media_type, body):
    headers = [
        (name, media_type if name.lower() == b"content-type" else value)
        for name, value in request.headers
    ]
    return HttpRequest(request.method, request.target, tuple(headers), body)


@pytest.mark.parametrize("name", CAPTURES)
def test_every_protobuf_call_of_the_captures_finds_its_exchange(name, recorded):
    calls, exchanges = protobuf_calls(name), playable(name)
    cassette = recorded(name, exchanges)
    for writer, (media_type, write) in WRITERS.items() if calls else ():
        playback = Playback(cassette, Options(pace=Instant()))
        for place, each in enumerate(exchanges):
            request = sent(each.request)
            if place in calls:
                request = rewritten(request, media_type, write(calls[place]))
            answer = playback.answer(request, 0.0)
            assert not isinstance(answer, Miss), f"{writer}: {answer}"
        assert (writer, playback.unused) == (writer, [])
        assert playback.journal.missed_count == 0


def test_the_captures_have_protobuf_calls():
    assert sum(len(protobuf_calls(name)) for name in CAPTURES) > 200
