"""A master for one scheduler with one task; what it says is what a real one said.

    SUBSCRIBE        200, SUBSCRIBED, HEARTBEAT, OFFERS, and from then on a HEARTBEAT in each pause
    ACCEPT           202, TASK_STARTING
    ACKNOWLEDGE      202, and what is next: TASK_RUNNING, TASK_FINISHED, OFFERS
    TEARDOWN         the stream ends, 202
    any other call   202
    GET /version     200, the version

Like an agent, it takes its time, and sends an update when the one before it is acknowledged.
"""

import json
import queue
import socketserver
import threading
import time
from collections.abc import Iterator
from itertools import chain
from types import TracebackType
from typing import Any, Self

from support.captures import Exchange, expected, load
from support.captures.http1 import Message, Parser

HEARTBEAT_SECONDS = 0.1
WORK_SECONDS = 0.1
"""From a call to the event that it causes."""
TASK = "task-quick"
"""The task of the capture: the scheduler has to start one of this name."""


class Lines:
    """What the real master said to one of its schedulers."""

    def __init__(self) -> None:
        exchanges = expected(load("scheduler-json-pymesos"))
        subscribed = next(one for one in exchanges if b'"SUBSCRIBE"' in one.request.raw_body)
        accepted = next(one for one in exchanges if b'"ACCEPT"' in one.request.raw_body)
        assert subscribed.response is not None
        said = [(json.loads(record), record) for record in subscribed.response.records]
        offers = [record for event, record in said if event["type"] == "OFFERS"]
        updates = [record for event, record in said if is_of_task(event)]
        first, self.heartbeat = (record for _, record in said[:2])
        interval = b'"heartbeat_interval_seconds":'
        self.opening = [
            first.replace(interval + b"15.0", interval + str(HEARTBEAT_SECONDS).encode()),
            self.heartbeat,
            offers[0],
        ]
        self.updates = [*updates, offers[1]]
        self.stream_head = head(subscribed)
        self.accepted = head(accepted)
        version = next(one for one in exchanges if one.request.target == "/version")
        assert version.response is not None
        self.version = head(version) + version.response.raw_body


def is_of_task(event: dict[str, Any]) -> bool:
    return event["type"] == "UPDATE" and event["update"]["status"]["task_id"]["value"] == TASK


def head(one: Exchange) -> bytes:
    assert one.response is not None
    lines = [f"{name}: {value}" for name, value in one.response.headers]
    status = f"HTTP/1.1 {one.response.status} {one.response.reason}"
    return "\r\n".join([status, *lines, "", ""]).encode()


class Connection(socketserver.BaseRequestHandler):
    """Answers the calls of one connection."""

    server: "Master"

    def handle(self) -> None:
        for message in self.messages():
            if message.words[0] == "GET":
                self.request.sendall(self.server.lines.version)
                continue
            call = json.loads(bytes(message.body))
            self.server.calls.append(call)
            if call["type"] == "SUBSCRIBE":
                return self.stream()
            self.server.hear(call["type"])
            self.request.sendall(self.server.lines.accepted)
        return None

    def messages(self) -> Iterator[Message]:
        parser, told = Parser(), 0
        while data := self.request.recv(65536):
            parser.feed(data, 0.0)
            for message in parser.messages[told:]:
                if message.complete:
                    told += 1
                    yield message

    def stream(self) -> None:
        lines = self.server.lines
        self.request.sendall(lines.stream_head)
        for record in chain(lines.opening, self.server.records()):
            framed = b"%d\n%b" % (len(record), record)
            self.request.sendall(b"%x\r\n%b\r\n" % (len(framed), framed))
        self.request.sendall(b"0\r\n\r\n")


class Master(socketserver.ThreadingTCPServer):
    """Listens at `url` while the `with` block runs; `calls` is what it was told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.lines = Lines()
        self.calls: list[dict[str, Any]] = []
        self._updates = iter(self.lines.updates)
        self._records: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def hear(self, call: str) -> None:
        """Do what a call asks for."""
        if call == "TEARDOWN":
            self._records.put(None)
        elif call in ("ACCEPT", "ACKNOWLEDGE"):
            self._records.put(next(self._updates))

    def records(self) -> Iterator[bytes]:
        """What the calls cause, and heartbeats while there is nothing to tell."""
        while True:
            try:
                record = self._records.get(timeout=HEARTBEAT_SECONDS)
            except queue.Empty:
                yield self.lines.heartbeat
                continue
            time.sleep(WORK_SECONDS)
            if record is None:
                return
            yield record

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
