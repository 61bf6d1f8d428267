from collections.abc import Callable
from pathlib import Path

import pytest
from support.captures import expected, load, names

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.interchange.losses import Losses
from mesotape.cassettes.interchange.record_stream import write_stream
from mesotape.cassettes.storage.reader import Cassette


@pytest.mark.parametrize("name", names())
def test_the_bytes_of_each_stream_are_those_that_the_client_got(
    name: str, captured: Callable[[str], Path]
) -> None:
    answers = [each.response for each in expected(load(name)) if each.response is not None]
    bodies = {answer.raw_body for answer in answers}
    with Cassette.open(captured(name)) as cassette:
        streams = [each for each in cassette.exchanges() if each.response.stream is not None]
        for each in streams:
            assert b"".join(write_stream(cassette, each.exchange, "server", Losses())) in bodies
    assert len(streams) == sum(bool(answer.chunks) for answer in answers)


def test_the_input_of_a_container_is_written(captured: Callable[[str], Path]) -> None:
    requests = {each.request.raw_body for each in expected(load("agent-session"))}
    with Cassette.open(captured("agent-session")) as cassette:
        streams = [each.exchange for each in cassette.exchanges() if each.request.stream]
        bodies = [b"".join(write_stream(cassette, n, "client", Losses())) for n in streams]
    complete = [body for body in bodies if body]
    assert len(complete) >= 2
    assert set(complete) <= requests


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "has 4 streams from the server: choose one of 1, 2, 3, 64 with --exchange"),
        (4, "exchange 4 has no stream from the server: mesotape inspect lists the streams"),
        (99, "there is no exchange 99; the last is 80"),
    ],
)
def test_a_stream_that_is_not_there_is_an_error(
    number: int | None, text: str, captured: Callable[[str], Path]
) -> None:
    path = captured("all-events")
    with Cassette.open(path) as cassette, pytest.raises(CassetteError) as got:
        list(write_stream(cassette, number, "server", Losses()))
    assert str(got.value) == f"{path}: {text}"


def test_what_is_not_in_the_bytes_is_listed(captured: Callable[[str], Path]) -> None:
    losses = Losses()
    with Cassette.open(captured("all-events")) as cassette:
        list(write_stream(cassette, 1, "server", losses))
    assert [*map(str, losses)] == ["heads, times and HTTP chunks", "79 other exchanges"]
