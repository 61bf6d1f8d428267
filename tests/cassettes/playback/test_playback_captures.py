"""Answers of a real cluster are served from a cassette byte for byte."""

import gzip

import pytest
from support.capture_cassettes import playable
from support.capture_requests import sent
from support.captures import capture

from mesotape.cassettes.answers.answer import StreamedResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback

SMALL = sorted(capture.SMALL.glob("*.jsonl.gz"))


def played(answer, response):
    """Head and body of an answer, in the terms of a capture: the body is free of gzip."""
    assert not isinstance(answer, Miss), str(answer)
    status, *fields = answer.head.decode("latin-1").split("\r\n")[:-2]
    headers = [tuple(field.split(": ", 1)) for field in fields]
    if isinstance(answer, StreamedResponse):
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
def test_every_answer_is_served_as_captured(name, recorded):
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
    assert playback.journal.missed_count == 0
