"""The inspector: what it keeps of what passes, and that it changes nothing of it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest
from mitmproxy import contentviews, ctx, exceptions, http
from support.mitmproxy_flows import flow, of_response, taddons

from mesotape.addons.inspector import DEFAULT_TAIL_BYTES, Inspector
from mesotape.addons.kept_body import KeptRange, load_kept_range
from mesotape.addons.recorder import Recorder
from mesotape.proto.recordio import encode

SUBSCRIBE = b'{"type":"SUBSCRIBE"}'
HEARTBEAT = encode(b'{"type":"HEARTBEAT"}')


class Hearing:
    """Hears of updates, as user interfaces do."""

    def __init__(self) -> None:
        self.updated: list[http.HTTPFlow] = []

    def update(self, flows: list[http.HTTPFlow]) -> None:
        self.updated += flows


@contextmanager
def inspecting(tail: int | None = 1000) -> Iterator[tuple[Inspector, Hearing]]:
    inspector, hearing = Inspector(refresh_seconds=0), Hearing()
    with taddons.context(inspector, hearing) as context:
        context.configure(inspector, mesotape_view_tail=tail)
        yield inspector, hearing


def subscription(streams_to: object = False) -> http.HTTPFlow:
    made = flow(SUBSCRIBE)
    assert made.response is not None
    made.response.data.content = None
    made.response.stream = streams_to
    return made


def tap(made: http.HTTPFlow) -> Callable[[bytes], Iterable[bytes] | bytes]:
    assert made.response is not None
    stream = made.response.stream
    assert callable(stream)
    return stream


def content(made: http.HTTPFlow) -> bytes | None:
    assert made.response is not None
    return made.response.data.content


def test_a_running_stream_is_kept_and_told_of() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, hearing):
            made = subscription()
            inspector.responseheaders(made)
            assert content(made) == b""
            data = bytes(HEARTBEAT)
            assert tap(made)(data) is data
            tap(made)(HEARTBEAT)
            assert hearing.updated == []
            while not hearing.updated:
                await asyncio.sleep(0)
            assert hearing.updated == [made]
            assert content(made) == HEARTBEAT * 2
            assert contentviews.prettify_message(made.response, made).view_name == "Mesos RecordIO"

    asyncio.run(transcript())


def test_only_the_tail_is_kept() -> None:
    async def transcript() -> None:
        with inspecting(tail=50) as (inspector, _):
            made = subscription()
            inspector.responseheaders(made)
            for _ in range(10):
                tap(made)(HEARTBEAT)
            inspector.response(made)
            assert content(made) == HEARTBEAT * 2
            assert load_kept_range(made, "response") == KeptRange(184, 230, 9)

    asyncio.run(transcript())


@pytest.mark.parametrize("end", ["response", "error", "client_disconnected", "done"])
def test_every_end_shows_the_last_record(end: str) -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            made = subscription()
            inspector.responseheaders(made)
            tap(made)(HEARTBEAT)
            match end:
                case "client_disconnected":
                    inspector.client_disconnected(made.client_conn)
                case "done":
                    inspector.done()
                case _:
                    getattr(inspector, end)(made)
            assert content(made) == HEARTBEAT

    asyncio.run(transcript())


def test_the_last_piece_is_kept_before_anybody_is_told_of_the_end() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            made = subscription()
            inspector.responseheaders(made)
            tap(made)(HEARTBEAT)
            assert tap(made)(b"") == b""
            assert content(made) == HEARTBEAT

    asyncio.run(transcript())


def test_the_tap_of_the_recorder_goes_on_and_says_what_passes() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            taken: list[bytes] = []

            def taps(data: bytes) -> list[bytes]:
                taken.append(data)
                return [data, b"more"]

            made = subscription(taps)
            inspector.responseheaders(made)
            assert tap(made)(HEARTBEAT) == [HEARTBEAT, b"more"]
            assert taken == [HEARTBEAT]

    asyncio.run(transcript())


def test_a_unary_answer_that_the_recorder_lets_pass_is_kept() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            made = flow(b"", None, path="/version")
            made.response.data.content = None
            made.response.stream = lambda data: data
            inspector.responseheaders(made)
            tap(made)(b'{"version":')
            tap(made)(b'"1.12.0"}')
            inspector.response(made)
            assert content(made) == b'{"version":"1.12.0"}'

    asyncio.run(transcript())


def test_without_a_tail_a_stream_only_passes() -> None:
    with inspecting(tail=0) as (inspector, _):
        made = subscription()
        inspector.responseheaders(made)
        assert made.response is not None
        assert made.response.stream is True
        assert content(made) is None
        recorded = subscription(taps := lambda data: data)
        inspector.responseheaders(recorded)
        assert recorded.response is not None
        assert recorded.response.stream is taps


def test_what_is_no_stream_is_left_alone() -> None:
    with inspecting() as (inspector, _):
        for made in (
            flow(b'{"type":"GET_HEALTH"}', None),
            flow(SUBSCRIBE, None, status=503),
            flow(SUBSCRIBE, None, path="/other"),
        ):
            assert made.response is not None
            made.response.data.content = None
            inspector.requestheaders(made)
            inspector.responseheaders(made)
            assert not made.response.stream
            assert not made.request.stream


def test_an_answer_of_another_addon_is_left_alone() -> None:
    with inspecting() as (inspector, _):
        made = flow(SUBSCRIBE, HEARTBEAT)
        inspector.requestheaders(made)
        inspector.responseheaders(made)
        assert made.response is not None
        assert not made.response.stream


def test_a_streamed_request_is_kept_too() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            made = flow(b"", kind="application/recordio", path="/slave(1)/api/v1")
            made.request.headers["Message-Content-Type"] = "application/json"
            made.request.data.content = None
            made.response = None
            inspector.requestheaders(made)
            assert callable(made.request.stream)
            record = encode(b'{"type":"ATTACH_CONTAINER_INPUT"}')
            assert made.request.stream(record) is record
            inspector.error(made)
            assert made.request.data.content == record
            assert contentviews.prettify_message(made.request, made).view_name == "Mesos RecordIO"

    asyncio.run(transcript())


def test_a_request_that_goes_on_behind_its_answer_is_shown_to_its_end() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, hearing):
            made = flow(b"", b"", kind="application/recordio", path="/slave(1)/api/v1")
            made.request.headers["Message-Content-Type"] = "application/json"
            made.request.data.content = made.request.timestamp_end = None
            answer, made.response = made.response, None
            inspector.requestheaders(made)
            made.response = answer
            inspector.responseheaders(made)
            inspector.response(made)
            record = encode(b'{"type":"ATTACH_CONTAINER_INPUT"}')
            for count in (1, 2):
                made.request.stream(record)
                while len(hearing.updated) < count:
                    await asyncio.sleep(0)
                assert made.request.data.content == record * count
            made.request.stream(record)
            made.request.timestamp_end = 9.0
            inspector.request(made)
            assert made.request.data.content == record * 3

    asyncio.run(transcript())


def test_a_call_that_the_recorder_lets_pass_still_tells_what_its_answer_is() -> None:
    """As with a chunked request."""

    async def transcript() -> None:
        with inspecting() as (inspector, _):
            made = subscription(True)
            made.request.data.content = None
            made.request.stream = lambda data: data
            answer, made.response = made.response, None
            inspector.requestheaders(made)
            assert callable(made.request.stream)
            made.request.stream(SUBSCRIBE)
            made.response = answer
            inspector.responseheaders(made)
            tap(made)(HEARTBEAT)
            inspector.error(made)
            assert load_kept_range(made, "response") == KeptRange(0, 23)
            metadata = of_response(made)
            view = contentviews.registry.get_view(HEARTBEAT, metadata)
            assert view.name == "Mesos RecordIO"

    asyncio.run(transcript())


def test_a_failing_view_costs_no_traffic(caplog: pytest.LogCaptureFixture) -> None:
    """Outside of a loop there is no timer."""
    with inspecting() as (inspector, _):
        made = subscription()
        inspector.responseheaders(made)
        assert tap(made)(HEARTBEAT) == HEARTBEAT
    assert "the view of /api/v1 failed" in caplog.text


def test_a_negative_tail_is_refused() -> None:
    with (
        pytest.raises(exceptions.OptionsError, match="is -1, expected 0 or more bytes"),
        inspecting(tail=-1),
    ):
        pass


def test_unset_the_tail_is_for_those_who_look() -> None:
    async def transcript() -> None:
        with inspecting(tail=None) as (inspector, _):
            made = subscription()
            inspector.responseheaders(made)
            assert content(made) is None
        with inspecting(tail=None) as (inspector, _):
            ctx.master.view = object()
            made = subscription()
            inspector.responseheaders(made)
            for _ in range(2 * DEFAULT_TAIL_BYTES // len(HEARTBEAT)):
                tap(made)(HEARTBEAT)
            inspector.done()
            kept = content(made)
            assert kept is not None
            assert DEFAULT_TAIL_BYTES - len(HEARTBEAT) < len(kept) <= DEFAULT_TAIL_BYTES

    asyncio.run(transcript())


def test_it_declares_the_server_as_the_recorder_does(caplog: pytest.LogCaptureFixture) -> None:
    with taddons.context(Recorder(), Inspector()) as context:
        assert context.options.mesotape_server == "master"
    assert "Over-riding" not in caplog.text
