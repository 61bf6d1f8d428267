"""The inspector keeps the tail of streams in their flows, and does not change the traffic."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest
from mitmproxy import contentviews, ctx, exceptions, http
from support.mitmproxy_flows import flow, of_response, taddons

from mesotape.addons import inspector as inspector_module
from mesotape.addons.inspector import DEFAULT_TAIL_BYTES, Inspector
from mesotape.addons.recorder import Recorder
from mesotape.addons.views.kept_body import KeptRange, load_kept_range
from mesotape.proto.recordio import encode

SUBSCRIBE = b'{"type":"SUBSCRIBE"}'
HEARTBEAT = encode(b'{"type":"HEARTBEAT"}')


class Listener:
    """Receives updates of flows, as user interfaces do."""

    def __init__(self) -> None:
        self.updated: list[http.HTTPFlow] = []

    def update(self, flows: list[http.HTTPFlow]) -> None:
        self.updated += flows


@contextmanager
def inspecting(tail: int | None = 1000) -> Iterator[tuple[Inspector, Listener]]:
    inspector, listener = Inspector(refresh_seconds=0), Listener()
    with taddons.context(inspector, listener) as context:
        context.configure(inspector, mesotape_view_tail=tail)
        yield inspector, listener


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


def test_a_running_stream_is_saved_and_its_flow_is_updated() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, listener):
            made = subscription()
            inspector.responseheaders(made)
            assert content(made) == b""
            data = bytes(HEARTBEAT)
            assert tap(made)(data) is data
            tap(made)(HEARTBEAT)
            assert listener.updated == []
            while not listener.updated:
                await asyncio.sleep(0)
            assert listener.updated == [made]
            assert content(made) == HEARTBEAT * 2
            assert contentviews.prettify_message(made.response, made).view_name == "Mesos RecordIO"

    asyncio.run(transcript())


MALFORMED = encode(b'{"type":"HEARTBEAT"')


@pytest.mark.parametrize(
    ("chunks", "comment", "mark"),
    [
        ([], "SUBSCRIBE · 0 events", ""),
        ([HEARTBEAT], "SUBSCRIBE · 1 event", ""),
        ([HEARTBEAT * 2, HEARTBEAT[:7], HEARTBEAT[7:]], "SUBSCRIBE · 3 events", ""),
        ([HEARTBEAT + MALFORMED, HEARTBEAT], "SUBSCRIBE · 3 events · 1 malformed", ":warning:"),
        ([HEARTBEAT, b"12x\n", b""], "SUBSCRIBE · 2 events · 1 malformed", ":warning:"),
        ([HEARTBEAT, HEARTBEAT[:9], b""], "SUBSCRIBE · 2 events · 1 malformed", ":warning:"),
        ([encode(b" " * (2 << 20)), HEARTBEAT], "SUBSCRIBE · 2 events", ""),
    ],
)
def test_a_flow_is_labelled(chunks: list[bytes], comment: str, mark: str) -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            made = subscription()
            inspector.request(made)
            assert (made.comment, made.marked) == ("SUBSCRIBE", "")
            inspector.responseheaders(made)
            for data in chunks:
                tap(made)(data)
            inspector.response(made)
            assert (made.comment, made.marked) == (comment, mark)
            inspector.error(made)
            inspector.request(made)
            assert (made.comment, made.marked) == (comment, mark)

    asyncio.run(transcript())


def test_what_the_user_wrote_stays() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            made = subscription()
            inspector.request(made)
            made.comment, made.marked = "look at this", ":red_circle:"
            inspector.responseheaders(made)
            tap(made)(HEARTBEAT + MALFORMED + HEARTBEAT)
            inspector.response(made)
            assert (made.comment, made.marked) == ("look at this", ":red_circle:")

    asyncio.run(transcript())


def test_flows_of_others_and_of_mitmdump_have_no_label() -> None:
    with inspecting() as (inspector, _):
        other = flow(b"{}", path="/metrics/snapshot")
        inspector.request(other)
        assert not other.comment
    with inspecting(tail=None) as (inspector, _):
        made = subscription()
        inspector.request(made)
        assert not made.comment


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
def test_every_end_saves_the_last_record(end: str) -> None:
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


def test_the_last_bytes_are_saved_at_the_end_of_the_body() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            made = subscription()
            inspector.responseheaders(made)
            tap(made)(HEARTBEAT)
            assert tap(made)(b"") == b""
            assert content(made) == HEARTBEAT

    asyncio.run(transcript())


def test_the_callback_of_the_recorder_determines_what_passes() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, _):
            seen: list[bytes] = []

            def callback(data: bytes) -> list[bytes]:
                seen.append(data)
                return [data, b"more"]

            made = subscription(callback)
            inspector.responseheaders(made)
            assert tap(made)(HEARTBEAT) == [HEARTBEAT, b"more"]
            assert seen == [HEARTBEAT]

    asyncio.run(transcript())


def test_a_unary_response_that_the_recorder_streams_is_kept() -> None:
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


def test_without_a_tail_a_stream_is_not_kept() -> None:
    with inspecting(tail=0) as (inspector, _):
        made = subscription()
        inspector.responseheaders(made)
        assert made.response is not None
        assert made.response.stream is True
        assert content(made) is None
        recorded = subscription(callback := lambda data: data)
        inspector.responseheaders(recorded)
        assert recorded.response is not None
        assert recorded.response.stream is callback


def test_other_bodies_are_not_streamed() -> None:
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


def test_a_response_of_another_addon_is_not_streamed() -> None:
    with inspecting() as (inspector, _):
        made = flow(SUBSCRIBE, HEARTBEAT)
        inspector.requestheaders(made)
        inspector.responseheaders(made)
        assert made.response is not None
        assert not made.response.stream


def test_a_streamed_request_is_kept() -> None:
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


def test_a_request_that_outlives_its_response_is_kept_to_its_end() -> None:
    async def transcript() -> None:
        with inspecting() as (inspector, listener):
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
                while len(listener.updated) < count:
                    await asyncio.sleep(0)
                assert made.request.data.content == record * count
            made.request.stream(record)
            made.request.timestamp_end = 9.0
            inspector.request(made)
            assert made.request.data.content == record * 3

    asyncio.run(transcript())


def test_the_type_of_a_response_comes_from_a_streamed_call() -> None:
    """A chunked request is streamed by the recorder."""

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


def test_a_failing_view_does_not_stop_the_traffic(caplog: pytest.LogCaptureFixture) -> None:
    """It fails here because there is no event loop for the timer."""
    with inspecting() as (inspector, _):
        made = subscription()
        inspector.responseheaders(made)
        assert tap(made)(HEARTBEAT) == HEARTBEAT
    assert "a view failed: RuntimeError in _keep (inspector.py:" in caplog.text


def test_if_the_type_of_a_body_cannot_be_found_it_is_streamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(inspector_module, "request_body_type", fail)
    monkeypatch.setattr(inspector_module, "response_body_type", fail)
    with inspecting() as (inspector, _):
        made = subscription()
        answer, made.response = made.response, None
        made.request.stream = False
        inspector.requestheaders(made)
        assert callable(made.request.stream)
        made.response = answer
        inspector.responseheaders(made)
        assert tap(made)(HEARTBEAT) == HEARTBEAT


def test_a_negative_tail_is_refused() -> None:
    with (
        pytest.raises(exceptions.OptionsError, match="is -1, expected 0 or more bytes"),
        inspecting(tail=-1),
    ):
        pass


def test_by_default_a_tail_is_kept_only_in_user_interfaces() -> None:
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


def test_the_recorder_may_declare_the_same_server_option(caplog: pytest.LogCaptureFixture) -> None:
    with taddons.context(Recorder(), Inspector()) as context:
        assert context.options.mesotape_server == "master"
    assert "Over-riding" not in caplog.text
