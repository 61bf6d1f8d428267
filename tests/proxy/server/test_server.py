import asyncio
import contextlib
import errno
import gc
import re
import weakref

import pytest
from msgspec.structs import replace
from support.certificates import self_signed

from mesotape.cassettes.answers.answer import Ending, ReplayResponse, StreamedResponse, render_head
from mesotape.cassettes.answers.gates import Latch
from mesotape.cassettes.matching.misses import Miss
from mesotape.proto.http.address import Address
from mesotape.proxy.http.http1 import ConnectionLimits
from mesotape.proxy.server import turns
from mesotape.proxy.server.server import ReplayServer
from mesotape.proxy.streams.clock import LoopClock, ManualClock

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def get(path, *headers):
    return b"\r\n".join([b"GET %b HTTP/1.1" % path, *headers]) + b"\r\n\r\n"


def unary(body, close=False):
    rendered = render_head(200, None, [("Content-Length", str(len(body)))])
    return ReplayResponse(exchange=1, status=200, head=rendered, content=body, close=close)


class FixedPlayback:
    """A playback of fixed responses by path; a list is a stream of (seconds, step)."""

    def __init__(self, answers):
        self.answers, self.seen = answers, []

    def begin_streamed_request(self, head, cassette_scope):
        answer = self.answers.get(head.target)
        return answer if isinstance(answer, FixedRequest) else None

    def forget_connection(self, client):
        pass

    def answer(self, request, now_seconds, client, cassette_scope):
        self.seen.append(request.target)
        answer = self.answers[request.target]
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, list):
            return answer
        steps = iter([(now_seconds + at, step) for at, step in answer])
        return StreamedResponse(exchange=1, status=200, head=STREAM_HEAD, steps=steps)


class FixedRequest:
    """A streamed request that is answered after some bytes, or at its end."""

    def __init__(self, answer, after=None):
        self.answer, self.after, self.got, self.left = answer, after, b"", False

    def feed(self, data, now_seconds):
        before, self.got = len(self.got), self.got + data
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.after is None:
            return None
        return self.answer if before < self.after <= len(self.got) else None

    def close(self, now_seconds):
        return None if self.after is not None and len(self.got) >= self.after else self.answer

    def abort(self, now_seconds):
        self.left = True


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def read(self, size):
        return await asyncio.wait_for(self.reader.readexactly(size), 20)

    async def expect(self, data):
        assert await self.read(len(data)) == data

    async def rest(self):
        return await asyncio.wait_for(self.reader.read(), 20)


def serve(answers, scenario, *, clock=None, limits=None, tls=None, client_tls=None, **hooks):
    """Run `scenario(connect, server)` against a server on a free port."""

    async def run():
        playback = FixedPlayback(answers)
        server = ReplayServer(playback, clock=clock, limits=limits, **hooks)
        address = await server.start(tls=tls)
        clients = []

        async def connect():
            reader, writer = await asyncio.open_connection(*address, ssl=client_tls)
            clients.append(writer)
            return Client(reader, writer)

        try:
            await scenario(connect, server)
        finally:
            await server.stop()
            for writer in clients:
                writer.close()
        assert server.peers == set()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


async def until(condition):
    """Run the loop until `condition` is true."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


class StreamPlayback:
    """Answers one request with a stream of some steps."""

    def __init__(self, exchange, steps):
        self.exchange, self.steps = exchange, steps

    def forget_connection(self, client):
        pass

    def answer(self, request, now_seconds, client, cassette_scope):
        return StreamedResponse(
            exchange=self.exchange, status=200, head=STREAM_HEAD, steps=self.steps
        )


def test_a_connection_is_kept_for_the_next_request():
    async def scenario(connect, server):
        client = await connect()
        for _ in range(3):
            await client.send(get(b"/a"))
            await client.expect(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA")

    serve({b"/a": unary(b"A")}, scenario)


def test_a_request_may_arrive_byte_by_byte():
    async def scenario(connect, server):
        client = await connect()
        for byte in get(b"/a"):
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        await client.expect(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA")

    serve({b"/a": unary(b"A")}, scenario)


def test_pipelined_requests_are_answered_in_order():
    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a") + get(b"/b") + get(b"/a"))
        bodies = b"".join(unary(body).head + body for body in (b"A", b"B", b"A"))
        await client.expect(bodies)

    serve({b"/a": unary(b"A"), b"/b": unary(b"B")}, scenario)


def test_connection_close_is_honoured():
    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a", b"Connection: close"))
        assert (await client.rest()).endswith(b"\r\n\r\nA")

    serve({b"/a": unary(b"A")}, scenario)


def test_http_1_0_is_answered_and_closed():
    async def scenario(connect, server):
        client = await connect()
        await client.send(b"GET /a HTTP/1.0\r\n\r\n")
        assert (await client.rest()).endswith(b"\r\n\r\nA")

    serve({b"/a": unary(b"A")}, scenario)


def test_an_exchange_without_a_response_closes_the_connection():
    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a"))
        assert await client.rest() == b""

    serve({b"/a": ReplayResponse(exchange=1, status=None, head=b"", close=True)}, scenario)


def test_records_go_out_each_in_its_own_chunk_when_they_are_due():
    clock = ManualClock(100.0)

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/s"))
        await client.expect(STREAM_HEAD)
        clock.advance(1.0)
        await client.expect(b"3\r\none\r\n3\r\ntwo\r\n")
        clock.advance(0.999)
        clock.advance(0.002)
        await client.expect(b"5\r\nthree\r\n0\r\n\r\n")
        await client.send(get(b"/a"))
        await client.expect(unary(b"A").head + b"A")

    steps = [(1.0, b"one"), (1.0, b"two"), (2.0, b"three"), (2.0, Ending.FINAL_CHUNK)]
    serve({b"/s": steps, b"/a": unary(b"A")}, scenario, clock=clock)


def test_a_cut_stream_ends_without_a_final_chunk():
    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/s"))
        assert await client.rest() == STREAM_HEAD + b"3\r\none\r\n"

    serve({b"/s": [(0.0, b"one"), (0.0, Ending.CUT)]}, scenario)


def test_a_stream_without_an_ending_stays_open_until_the_server_stops():
    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/s"))
        await client.expect(STREAM_HEAD + b"3\r\none\r\n")
        assert not client.reader.at_eof()
        await server.stop()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.read(1)

    serve({b"/s": [(0.0, b"one")]}, scenario)


def test_a_request_after_a_stream_is_played_at_once_and_answered_after_it():
    clock = ManualClock()

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/s") + get(b"/a") + get(b"/s"))
        await client.expect(STREAM_HEAD)
        assert server.responder.playback.seen == [b"/s", b"/a", b"/s"]
        clock.advance(1.0)
        first = b"3\r\none\r\n0\r\n\r\n"
        await client.expect(first + unary(b"A").head + b"A" + STREAM_HEAD)
        clock.advance(0.0)
        await client.expect(first)

    steps = [(1.0, b"one"), (1.0, Ending.FINAL_CHUNK)]
    serve({b"/s": steps, b"/a": unary(b"A")}, scenario, clock=clock)


def test_many_requests_after_a_stream_are_left_unread():
    clock = ManualClock()

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/s") + get(b"/a") * 50)
        await client.expect(STREAM_HEAD)
        assert len(server.responder.playback.seen) == 5
        clock.advance(1.0)
        await client.expect(b"0\r\n\r\n" + (unary(b"A").head + b"A") * 50)

    answers = {b"/s": [(1.0, Ending.FINAL_CHUNK)], b"/a": unary(b"A")}
    serve(answers, scenario, clock=clock, limits=ConnectionLimits(max_pipelined_responses=4))


def test_two_streams_keep_their_own_time():
    clock = ManualClock()

    async def scenario(connect, server):
        slow, fast = await connect(), await connect()
        await slow.send(get(b"/slow"))
        await fast.send(get(b"/fast"))
        await slow.expect(STREAM_HEAD)
        await fast.expect(STREAM_HEAD)
        clock.advance(2.0)
        await fast.expect(b"1\r\na\r\n1\r\nb\r\n")
        clock.advance(3.0)
        await slow.expect(b"1\r\nz\r\n")

    answers = {b"/slow": [(5.0, b"z")], b"/fast": [(1.0, b"a"), (2.0, b"b")]}
    serve(answers, scenario, clock=clock)


def test_a_client_that_does_not_read_makes_its_stream_wait():
    clock = ManualClock()
    record = b"x" * 65536
    taken = []

    def steps():
        for number in range(1000):
            taken.append(number)
            yield 0.0, record
        yield 0.0, Ending.FINAL_CHUNK

    async def scenario(connect, server):
        server.responder.playback = StreamPlayback(1, steps())
        client = await connect()
        await client.send(get(b"/s"))
        await client.expect(STREAM_HEAD)
        last = -1
        while len(taken) != last:
            last = len(taken)
            clock.advance(0.0)
            for _ in range(20):
                await asyncio.sleep(0)
        assert len(taken) < 500
        reading = asyncio.create_task(client.read((len(record) + 9) * 1000 + 5))
        while not reading.done():
            clock.advance(0.0)
            await asyncio.sleep(0)
        data = await reading
        assert data == (b"10000\r\n" + record + b"\r\n") * 1000 + b"0\r\n\r\n"

    serve({}, scenario, clock=clock)


def test_a_client_that_leaves_ends_its_stream():
    clock = ManualClock()

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/s"))
        await client.expect(STREAM_HEAD)
        client.writer.transport.abort()
        await until(lambda: not server.peers)
        clock.advance(10.0)

    serve({b"/s": [(1.0, b"one"), (2.0, b"two")]}, scenario, clock=clock)


def test_a_miss_has_a_header_and_a_report():
    misses = []
    miss = Miss(reason="already played", method="GET", path="/a", call=None)

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a") + b"HEAD /a HTTP/1.1\r\n\r\n" + get(b"/b"))
        answer = await client.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(
            b"HTTP/1.1 501 Not Implemented\r\nMesotape-Miss: already played\r\n"
        )
        length = int(re.search(rb"Content-Length: (\d+)", answer)[1])
        assert b'"miss": "already played"' in await client.read(length)
        assert await client.reader.readuntil(b"\r\n\r\n") == answer
        await client.expect(unary(b"B").head + b"B")

    serve({b"/a": miss, b"/b": unary(b"B")}, scenario, on_miss=misses.append)
    assert misses == [miss, miss]


def test_a_cassette_that_cannot_be_read_is_a_500_and_a_failure():
    failures = []

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a"))
        answer = await client.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500 ")

    error = ValueError("cassette.yaml:3: broken")
    serve({b"/a": error}, scenario, on_failure=lambda *failure: failures.append(failure))
    assert failures == [(0, error)]


def test_a_stream_that_cannot_be_read_to_its_end_is_cut_and_a_failure():
    failures = []
    error = ValueError("cassette.yaml:3: broken")

    def steps():
        yield 0.0, b"one"
        raise error

    async def scenario(connect, server):
        server.responder.playback = StreamPlayback(7, steps())
        client = await connect()
        await client.send(get(b"/s"))
        assert await client.rest() == STREAM_HEAD + b"3\r\none\r\n"

    serve({}, scenario, on_failure=lambda *failure: failures.append(failure))
    assert failures == [(7, error)]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 400_000, b"431 Request Header Fields Too Large"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n" + b"a" * 99, b"413 "),
    ],
)
def test_a_refusal_is_read_before_the_connection_ends(data, status):
    async def scenario(connect, server):
        client = await connect()
        await client.send(data)
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"\r\nConnection: close\r\n" in answer
        assert answer.endswith(b"\n")

    serve({}, scenario, limits=ConnectionLimits(max_body_bytes=98))


@pytest.mark.parametrize("target", [b"api/v1", b"?x", b"#"])
def test_a_target_without_a_slash_closes_the_connection_without_an_answer(target):
    async def scenario(connect, server):
        client = await connect()
        await client.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        assert await client.rest() == b""

    serve({}, scenario)


def test_a_refused_client_that_does_not_close_is_aborted():
    clock = ManualClock()

    async def scenario(connect, server):
        client = await connect()
        await client.send(b"nonsense\r\n\r\n")
        assert (await client.rest()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        clock.advance(4.0)
        await client.send(b"more")
        for _ in range(20):
            await asyncio.sleep(0)
        assert server.peers
        clock.advance(2.0)
        await until(lambda: not server.peers)

    serve({}, scenario, clock=clock, limits=ConnectionLimits(linger_seconds=4.5))


def test_requests_before_a_malformed_one_are_answered():
    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a") + b"nonsense\r\n\r\n")
        answers = await client.rest()
        assert answers.startswith(unary(b"A").head + b"AHTTP/1.1 400 Bad Request\r\n")

    serve({b"/a": unary(b"A")}, scenario)


@pytest.mark.parametrize("part", [b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"])
def test_a_request_that_does_not_arrive_is_a_408(part):
    clock = ManualClock()

    async def scenario(connect, server):
        client = await connect()
        await client.send(part)
        await until(lambda: any(peer.is_busy for peer in server.peers))
        clock.advance(29.0)
        assert server.peers
        clock.advance(3.0)
        assert (await client.rest()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")

    serve({}, scenario, clock=clock)


def test_a_body_that_trickles_is_a_408_and_a_large_one_is_not():
    clock = ManualClock()
    limits = ConnectionLimits(min_body_bytes_per_second=10)

    async def scenario(connect, server):
        slow, fast = await connect(), await connect()
        received = dict.fromkeys(server.peers, 0)
        for client in (slow, fast):
            await client.send(b"POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n")
        await until(lambda: all(peer.is_busy for peer in received))
        for _ in range(20):
            size = server.held_bodies.size + 101
            await slow.send(b"a")
            await fast.send(b"a" * 100)
            await until(lambda size=size: server.held_bodies.size == size)
            clock.advance(1.4)
        assert len(server.peers) == 2
        clock.advance(6.0)
        assert (await slow.rest()).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        await fast.send(b"a" * 7999)
        await fast.expect(unary(b"A").head + b"A")

    serve({b"/": unary(b"A")}, scenario, clock=clock, limits=limits)


def test_too_many_connections_are_refused_and_reported_once():
    failures = []

    async def scenario(connect, server):
        kept = [await connect() for _ in range(3)]
        for _ in range(4):
            refused = await connect()
            with contextlib.suppress(ConnectionError):
                assert await refused.rest() == b""
        for client in kept:
            await client.send(get(b"/a"))
            await client.expect(unary(b"A").head + b"A")
        kept[0].writer.close()
        await until(lambda: len(server.peers) == 2)
        client = await connect()
        await client.send(get(b"/a"))
        await client.expect(unary(b"A").head + b"A")

    def fail(exchange, error):
        failures.append((exchange, str(error)))

    limits = ConnectionLimits(max_connections=3)
    serve({b"/a": unary(b"A")}, scenario, limits=limits, on_failure=fail)
    assert failures == [(0, "further connections are refused: 3 are open")]


def test_a_lack_of_descriptors_is_reported_once():
    failures = []

    async def scenario(connect, server):
        loop = asyncio.get_running_loop()
        for _ in range(3):
            error = OSError(errno.EMFILE, "Too many open files")
            server.handle_loop_error(loop, {"message": "accept failed", "exception": error})

    serve({}, scenario, on_failure=lambda exchange, error: failures.append(str(error)))
    assert failures == ["further connections are refused: 0 are open"]


def test_ten_thousand_pipelined_requests_are_answered():
    async def scenario(connect, server):
        client = await connect()
        sending = asyncio.create_task(client.send(get(b"/a", b"Host: localhost") * 10_000))
        answer = unary(b"A").head + b"A"
        assert await client.read(len(answer) * 10_000) == answer * 10_000
        await sending

    serve({b"/a": unary(b"A")}, scenario)


class SlowPlayback(FixedPlayback):
    """A playback that takes ten milliseconds of a clock for each answer."""

    def __init__(self, answers, clock):
        super().__init__(answers)
        self.clock = clock

    def answer(self, request, now_seconds, client, cassette_scope):
        self.clock.seconds += 0.01
        return super().answer(request, now_seconds, client, cassette_scope)


class LateClock(LoopClock):
    """The clock of the loop, and the seconds that answers took."""

    seconds = 0.0

    def __init__(self):
        super().__init__()
        of_loop = self.time
        self.time = lambda: of_loop() + self.seconds

    def call_at(self, when, callback):
        return super().call_at(when - self.seconds, callback)


def serve_slowly(scenario):
    async def run():
        clock = LateClock()
        playback = SlowPlayback({b"/a": unary(b"A"), b"/b": unary(b"B")}, clock)
        server = ReplayServer(playback, clock=clock)
        address = await server.start()
        try:
            await scenario(lambda: asyncio.open_connection(*address), server, playback.seen)
        finally:
            await server.stop()

    asyncio.run(run())


def test_a_client_is_answered_during_the_pipelined_requests_of_another():
    async def scenario(connect, server, seen):
        _, busy = await connect()
        reader, writer = await connect()
        busy.write(get(b"/a") * 500)
        await until(lambda: seen)
        writer.write(get(b"/b"))
        await asyncio.wait_for(reader.readuntil(b"B"), 20)
        assert seen.index(b"/b") < 100
        await until(lambda: len(seen) == 501)
        for each in (busy, writer):
            each.close()

    serve_slowly(scenario)


def test_a_client_is_answered_during_the_pipelined_requests_of_many_that_have_left():
    async def scenario(connect, server, seen):
        for _ in range(40):
            _, left = await connect()
            left.write(get(b"/a") * 100)
            await until(lambda: any(peer.awaits_turn for peer in server.peers))
            left.transport.abort()
        begun = len(seen)
        reader, writer = await connect()
        writer.write(get(b"/b"))
        await asyncio.wait_for(reader.readuntil(b"B"), 20)
        assert begun < seen.index(b"/b") < begun + 60 < 40 * 100
        writer.close()

    serve_slowly(scenario)


def test_requests_of_clients_that_have_left_are_bounded(monkeypatch):
    monkeypatch.setattr(turns, "MAX_LEFT_REQUESTS", 250)
    told = []

    async def scenario(connect, server, seen):
        server.report_failure = lambda exchange, error: told.append(str(error))
        for _ in range(4):
            _, left = await connect()
            left.write(get(b"/a") * 100)
            await until(lambda: any(peer.awaits_turn for peer in server.peers))
            left.transport.abort()
        await until(lambda: not server.peers)
        assert len(seen) < 400
        assert server.turns.left_requests == 0

    serve_slowly(scenario)
    assert all(text.endswith("of a client that left were dropped: too many wait") for text in told)
    assert told


@pytest.mark.parametrize("wait_for_all", [ReplayServer.drain, None], ids=("drained", "left"))
def test_pipelined_requests_of_a_client_that_leaves_are_processed(wait_for_all):
    async def scenario(connect, server, seen):
        _, writer = await connect()
        writer.write(get(b"/a") * 500)
        await until(lambda: seen)
        writer.transport.abort()
        if wait_for_all is None:
            await until(lambda: not server.peers)
        else:
            await wait_for_all(server)
        assert len(seen) == 500

    serve_slowly(scenario)


def test_an_idle_connection_is_kept():
    clock = ManualClock()

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a"))
        await client.expect(unary(b"A").head + b"A")
        clock.advance(3600.0)
        await client.send(get(b"/a"))
        await client.expect(unary(b"A").head + b"A")

    serve({b"/a": unary(b"A")}, scenario, clock=clock)


def test_a_connection_that_ends_needs_no_garbage_collection():
    alive = []

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/s"))
        await client.expect(STREAM_HEAD)
        (peer,), (sender,) = server.peers, server.stream_registry.open_streams()
        await client.send(b"GET /unfinished HTTP/1.1\r\n")
        await until(lambda: peer._parser.has_unfinished)
        alive.extend(map(weakref.ref, (peer, sender, peer._parser)))
        peer = sender = None
        client.writer.close()
        await until(lambda: not server.peers)
        assert [each() for each in alive] == [None] * 3

    gc.disable()
    try:
        serve({b"/s": [(3600.0, b"one")]}, scenario)
    finally:
        gc.enable()
    assert len(alive) == 3


def test_a_client_that_expects_100_continue_gets_it():
    async def scenario(connect, server):
        client = await connect()
        await client.send(b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        await client.expect(b"HTTP/1.1 100 Continue\r\n\r\n")
        await client.send(b"ok")
        await client.expect(unary(b"A").head + b"A")

    serve({b"/a": unary(b"A")}, scenario)


def test_a_large_body_arrives_whole():
    body = bytes(range(256)) * 40_000

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/big") * 3)
        for _ in range(3):
            await client.expect(unary(body).head + body)

    serve({b"/big": unary(body)}, scenario)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


def test_streams_and_answers_go_over_tls(certificate):
    tls, client_tls = certificate

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a") + get(b"/s"))
        await client.expect(unary(b"A").head + b"A")
        assert await client.rest() == STREAM_HEAD + b"3\r\none\r\n"

    answers = {b"/a": unary(b"A"), b"/s": [(0.0, b"one"), (0.0, Ending.CUT)]}
    serve(answers, scenario, tls=tls, client_tls=client_tls)


def streamed(path, *headers):
    lines = [b"POST %b HTTP/1.1" % path, b"Content-Type: application/recordio", *headers]
    return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""])


END = b"0\r\n\r\n"


def test_a_streamed_request_is_answered_before_its_end_and_the_connection_goes_on():
    async def scenario(connect, server):
        client = await connect()
        await client.send(streamed(b"/in") + b"2\r\nab\r\n")
        await client.send(b"2\r\ncd\r\n")
        await client.expect(early.answer.head + b"no")
        await client.send(b"4\r\nmore\r\n" + END + get(b"/a"))
        await client.expect(unary(b"A").head + b"A")
        assert early.got == b"abcdmore"

    early = FixedRequest(unary(b"no"), after=3)
    serve({b"/in": early, b"/a": unary(b"A")}, scenario)


def test_a_streamed_request_is_answered_at_its_end():
    async def scenario(connect, server):
        client = await connect()
        await client.send(streamed(b"/in") + b"2\r\nab\r\n" + END)
        await client.expect(unary(b"yes").head + b"yes")

    serve({b"/in": FixedRequest(unary(b"yes"))}, scenario)


def test_an_early_answer_is_read_although_the_client_goes_on_sending():
    """A socket closed with unread bytes sends a reset, which could overtake the response."""

    async def scenario(connect, server):
        client = await connect()
        await client.send(streamed(b"/in", b"Connection: close") + b"2\r\nab\r\n")
        await client.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        assert await client.rest() == early.answer.head + b"no"

    early = FixedRequest(unary(b"no"), after=1)
    serve({b"/in": early}, scenario)


def test_a_client_that_leaves_its_request_is_noticed():
    async def scenario(connect, server):
        client = await connect()
        await client.send(streamed(b"/in") + b"2\r\nab\r\n")
        await until(lambda: waiting.got)
        client.writer.close()
        await until(lambda: waiting.left)

    waiting = FixedRequest(unary(b"yes"))
    serve({b"/in": waiting}, scenario)


def test_a_broken_streamed_request_that_is_answered_is_not_answered_again():
    async def scenario(connect, server):
        client = await connect()
        await client.send(streamed(b"/in") + b"2\r\nab\r\nzz\r\n")
        assert await client.rest() == early.answer.head + b"no"

    early = FixedRequest(unary(b"no"), after=1)
    serve({b"/in": early}, scenario)


def test_a_streamed_request_that_cannot_be_compared_is_a_500_and_a_failure():
    failures, error = [], ValueError("wrong.yaml:7: no")

    async def scenario(connect, server):
        client = await connect()
        await client.send(streamed(b"/in") + b"2\r\nab\r\n")
        assert (await client.read(12)) == b"HTTP/1.1 500"
        await client.send(b"2\r\nab\r\n" + END)

    serve(
        {b"/in": FixedRequest(error)},
        scenario,
        on_failure=lambda *failure: failures.append(failure),
    )
    assert failures == [(0, error)]


def test_a_response_waits_at_its_latch_and_so_do_later_ones():
    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/wait") + get(b"/a"))
        await until(lambda: latch in held)
        latch.open()
        await client.expect(unary(b"W").head + b"W" + unary(b"A").head + b"A")
        await client.send(get(b"/wait"))
        await client.expect(unary(b"W").head + b"W")

    held = set()
    latch = Latch("the end", held)
    answer = unary(b"W")
    latched = replace(answer, latches=(latch,))
    serve({b"/wait": latched, b"/a": unary(b"A")}, scenario)


def test_the_response_of_a_client_that_has_left_waits_no_more():
    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/wait"))
        await until(lambda: latch in held)
        client.writer.close()
        await until(lambda: latch not in held)

    held = set()
    latch = Latch("the end", held)
    serve({b"/wait": ReplayResponse(exchange=1, status=200, head=b"", latches=(latch,))}, scenario)


def test_a_request_without_a_recorded_response_is_forwarded():
    miss = Miss(reason="already played", method="GET", path="/a", call=None)

    async def scenario(connect, server):
        upstream = ReplayServer(FixedPlayback({b"/a": unary(b"A")}))
        addresses.append(Address(*await upstream.start()))
        client = await connect()
        for _ in range(2):
            await client.send(get(b"/a"))
            await client.expect(unary(b"A").head + b"A")
        await upstream.stop()

    addresses = []
    serve({b"/a": miss}, scenario, resolve_upstream=lambda: addresses[0])


def test_a_request_that_cannot_be_forwarded_is_a_502_and_a_failure():
    miss, failures = Miss(reason="already played", method="GET", path="/a", call=None), []

    def resolve_upstream():
        raise OSError("no recorder")

    async def scenario(connect, server):
        client = await connect()
        await client.send(get(b"/a"))
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
        assert answer.endswith(b"\r\n\r\ncannot forward a request: no recorder\n")

    hooks = {"on_failure": lambda *failure: failures.append(failure)}
    serve({b"/a": miss}, scenario, resolve_upstream=resolve_upstream, **hooks)
    assert [(number, str(error)) for number, error in failures] == [
        (0, "cannot forward a request: no recorder")
    ]
