"""A replay with two workers beside one process: answers in a second, and the CPU of an answer.

The clients send many requests at once, so that they take little of the two cores. Other programs
that run meanwhile slow down two processes more than one. The CPU of an answer, of all processes
together, does not depend on them.
"""

import os
import selectors
import socket
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import messages
from processes import Server, replay
from replay import ANSWER, call
from table import (
    MICROSECONDS,
    PER_SECOND,
    AtLeast,
    AtMost,
    Pair,
    Row,
    Sample,
    Scope,
    Skipped,
)

CLIENTS, AT_ONCE = 16, 50
SILENCE_SECONDS = 30


def answers_a_second(server: Server, batches: int) -> float:
    """Send the batches of all clients; return how many answers came in a second."""
    request = messages.post(call(1))
    size = len(server.ask(request))
    left = dict.fromkeys(range(CLIENTS), batches)
    missing = dict.fromkeys(range(CLIENTS), 0)
    with ExitStack() as opened, selectors.DefaultSelector() as selector:
        for number in left:
            client = opened.enter_context(socket.create_connection(server.address))
            selector.register(client, selectors.EVENT_READ, number)
        clients = {key.data: key.fileobj for key in selector.get_map().values()}

        def send(number: int) -> None:
            client = clients[number]
            assert isinstance(client, socket.socket)
            client.sendall(request * AT_ONCE)
            left[number] -= 1
            missing[number] = size * AT_ONCE

        began = time.monotonic()
        for number in list(left):
            send(number)
        while any(missing.values()):
            ready = selector.select(SILENCE_SECONDS)
            assert ready, "answers are missing"
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                received = len(key.fileobj.recv(1 << 18))
                assert received, "the server closed a connection"
                missing[key.data] -= received
                if not missing[key.data] and left[key.data]:
                    send(key.data)
        seconds = time.monotonic() - began
    return CLIENTS * batches * AT_ONCE / seconds


def two_workers(scope: Scope) -> Generator[Sample]:
    if (os.cpu_count() or 1) < 2:
        raise Skipped("there is one core")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        exchange = messages.exchange(1, call(1), ANSWER)
        path = messages.write(Path(folder) / "cassette.yaml", [exchange])
        two, one = (
            servers.enter_context(replay(path, "--workers", workers)) for workers in ("2", "1")
        )
        batches = scope.size(50, 5)
        answers = CLIENTS * batches * AT_ONCE
        while True:
            rates, spent = zip(*(_measure(each, batches) for each in (two, one)), strict=True)
            yield {"rate": Pair(*rates), "CPU": Pair(*(each / answers * 1e6 for each in spent))}


def _measure(server: Server, batches: int) -> tuple[float, float]:
    """Return the answers in a second, and the CPU seconds of all processes."""
    before = server.cpu_seconds()
    return answers_a_second(server, batches), server.cpu_seconds() - before


ROWS = [
    Row(name, two_workers, unit, target, "one process", part)
    for name, unit, target, part in (
        ("answers with two workers", PER_SECOND, AtLeast(1.8), "rate"),
        ("CPU of an answer", MICROSECONDS, AtMost(1.1), "CPU"),
    )
]
