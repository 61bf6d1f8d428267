"""Heads that are too large are refused, in both directions, and noted."""

from pathlib import Path

import pytest
from support.cassette_contents import notes
from support.commands import running
from support.sockets import STREAMING, Upstream, answer, connect, get, post

LARGE = b"X-Large: " + b"x" * 5000
HEAD = b"the head is larger than 4096 bytes"


@pytest.mark.parametrize("is_split", [False, True])
def test_heads_beyond_the_limit_are_refused_and_smaller_ones_pass(
    tmp_path: Path, is_split: bool
) -> None:
    path = tmp_path / "a.yaml"
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", path, "--max-head", "4096") as recorder,
    ):
        with connect(recorder.address) as client:
            request = get(b"/version", LARGE)
            for piece in (request[:50], request[50:-2]) if is_split else (request,):
                client.send(piece)
            refused = client.rest()
            assert refused.startswith(b"HTTP/1.1 431 ")
            assert HEAD in refused
        with connect(recorder.address) as client:
            client.send(get(b"/version", LARGE[:2000]))
            with upstream.accept() as server:
                server.message()
                server.send(answer(b"{}", LARGE[:2000]))
                assert client.message().endswith(b"{}")
        with connect(recorder.address) as client:
            client.send(post(b"x" * 100_000))  # Only the head counts.
            with upstream.accept() as server:
                server.message()
                response = answer(b"{}", LARGE)
                server.send(response[: -4 if is_split else len(response)])
                refused = client.rest()
                assert refused.startswith(b"HTTP/1.1 502 ")
                assert HEAD in refused
    assert recorder.code == 0
    assert [HEAD.decode() in text for text, _ in notes(path)] == [True, True]
    assert "431" in recorder.said


def test_a_chunk_size_beyond_the_limit_ends_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with (
        Upstream() as upstream,
        running("record", upstream.url, "-o", path, "--max-head", "4096") as recorder,
        connect(recorder.address) as client,
    ):
        client.send(get(b"/state"))
        with upstream.accept() as server:
            server.message()
            server.send(STREAMING, b"1;" + b"x" * 5000)
            assert client.rest() == STREAMING
    assert recorder.code == 0
