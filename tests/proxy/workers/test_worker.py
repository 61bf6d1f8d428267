import asyncio
import socket
from types import SimpleNamespace
from unittest import mock

from mesotape.proxy.server import turns
from mesotape.proxy.server.answering import ListenScope
from mesotape.proxy.workers import worker_connection
from mesotape.proxy.workers.channel import Channel, ClientPassed, RequestsDropped
from mesotape.proxy.workers.worker import Worker

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = SimpleNamespace(
    head=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", content=b"a", close=False
)


def test_requests_of_clients_that_have_left_are_bounded(monkeypatch):
    monkeypatch.setattr(turns, "MAX_LEFT_REQUESTS", 250)
    monkeypatch.setattr(worker_connection, "TURN_SECONDS", -1)  # One request in each turn.
    left_counts = memoryview(bytearray(8)).cast("Q")
    messages = []

    async def leave_requests():
        ours, theirs = socket.socketpair()
        playback = mock.Mock(**{"answer.return_value": ANSWER})
        worker = Worker(0, playback, theirs, None, left_counts, keeps_calls=False)
        parent = Channel(ours, lambda message, _: messages.append(message), mock.Mock())
        for number in range(4):
            client, passed = socket.socketpair()
            client.sendall(GET * 100)
            client.close()
            parent.send(ClientPassed(number, ListenScope("127.0.0.1:5050", None)), passed)
        async with asyncio.timeout(30):
            while left_counts[0] < 4 or not messages:
                await asyncio.sleep(0)
        assert worker.turns.left_requests == 0
        assert playback.answer.call_count < 400
        parent.close()
        await worker.run()

    asyncio.run(leave_requests())
    assert all(isinstance(message, RequestsDropped) for message in messages)
