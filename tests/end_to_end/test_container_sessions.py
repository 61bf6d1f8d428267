"""Interactive sessions, from a real agent through the recorder to a replay, in full duplex."""

import asyncio

import pytest
from support.captures import Capture, Origin, load, run_client
from support.captures.proxied import free_port
from support.commands import running
from support.sockets import LAST_CHUNK, connect, get

from mesotape.cassettes.answers.pace import Recorded
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.server.server import ReplayServer
from mesotape.proxy.streams.clock import ManualClock

JSON, PROTOBUF, TERMINAL = (10, 11, 12), (13, 14, 15), (16, 17, 18)
"""Connections of the capture: a session of `cat`, its input, and the WAIT for it."""


@pytest.fixture(scope="module")
def capture():
    whole, wanted = load("agent-session"), {*JSON, *PROTOBUF, *TERMINAL}
    return Capture(whole.name, tuple(line for line in whole.lines if line.connection in wanted))


@pytest.fixture(scope="module")
def cassette(capture, tmp_path_factory):
    path, port = tmp_path_factory.mktemp("session") / "cassette.yaml", free_port()
    recorder = running("record", f"http://127.0.0.1:{port}", "-o", path, "--server", "agent")
    with recorder as recorder, Origin(capture, port=port):
        run_client(capture, recorder.address)
    return path


def transcript(capture, connections):
    """Who said what, in order. What the server said at the very end comes when it is asked for."""
    for line in capture.lines:
        if line.connection in connections and line.data:
            yield connections.index(line.connection), line.side, line.data


@pytest.mark.parametrize("connections", [JSON, PROTOBUF, TERMINAL], ids=["json", "proto", "tty"])
@pytest.mark.parametrize("pace", [("--pace", "instant"), ("--speed", "20")], ids="-".join)
def test_a_session_is_replayed_in_full_duplex(capture, cassette, connections, pace):
    with running("replay", cassette, *pace) as player:
        wires = [connect(player.address) for _ in connections]
        for who, side, data in transcript(capture, connections):
            if side == "client":
                wires[who].send(data)
            else:
                assert wires[who].exactly(len(data)) == data
        for wire in wires:
            wire.close()
    assert player.code == 0, player.said


class Client:
    """A connection that keeps all received bytes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, data):
        self.writer.write(data)

    async def expect(self, data):
        assert await asyncio.wait_for(self.reader.readexactly(len(data)), 20) == data

    @property
    def unread(self):
        return bytes(self.reader._buffer)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


@pytest.mark.parametrize("connections", [JSON, PROTOBUF, TERMINAL], ids=["json", "proto", "tty"])
def test_a_client_that_sends_input_late_gets_the_output_late(capture, cassette, connections):
    """An hour passes before each piece of input: by the recording, all of the output is due."""

    async def scenario():
        clock = ManualClock()
        with Cassette.open(cassette) as opened:
            playback = Playback(opened, Options(pace=Recorded()))
            server = ReplayServer(playback, clock=clock)
            address = await server.start()
            clients = [Client(*await asyncio.open_connection(*address)) for _ in range(4)]
            try:
                await converse(clock, playback, clients)
            finally:
                await server.stop()
                for client in clients:
                    client.writer.close()

    async def converse(clock, playback, clients):
        *clients, bystander = clients
        for who, side, data in transcript(capture, connections):
            if side == "server":
                await until(lambda client=clients[who]: pass_time(clock) and client.unread)
                await clients[who].expect(data)
                continue
            if who == 1 and data != LAST_CHUNK:
                for _ in range(2):  # what was sent before has come when the first is answered
                    clock.advance(3600.0)
                    bystander.send(get(b"/nothing"))
                    await bystander.reader.readuntil(b"\r\n\r\n")
                    await asyncio.sleep(0)
                assert [client.unread for client in clients] == [b"", b"", b""]
                assert [reason.split(" waits for ")[1][:18] for reason in playback.waiting] == [
                    "input to container"
                ]
            clients[who].send(data)
        assert playback.waiting == []

    asyncio.run(scenario())


def pass_time(clock):
    clock.advance(0.01)
    return True
