"""A stream through a recorder, and what is known of it."""

import random
import subprocess
import time

from mesotape.cassettes.recording.writer_reports import FLUSH_SECONDS, SENDS_PER_FLUSH

from .commands import Running
from .sockets import STREAMING, SUBSCRIBE, Upstream, connect, post, record

_SEND_SECONDS = FLUSH_SECONDS / SENDS_PER_FLUSH
GOES_ON = "the traffic goes on unrecorded"


class RecordedStream:
    """A stream through a recorder, and what is known of it."""

    def __init__(self, upstream: Upstream, recorder: Running) -> None:
        self.client = connect(recorder.address)
        self.client.send(post(SUBSCRIBE))
        self.server = upstream.accept()
        self.server.message()
        self.server.send(STREAMING)
        self.client.until(b"\r\n\r\n")
        self.sent: list[bytes] = []
        self.sent_at: list[float] = []
        self.came_at: list[float] = []

    def send(self, count: int) -> None:
        events = [b'{"number":%d}' % (len(self.sent) + number) for number in range(count)]
        self.sent += events
        self.sent_at += [time.monotonic()] * count
        self.server.send(*map(record, events))

    def send_bursts(self, chance: random.Random, most: int) -> None:
        """Send up to `most` bursts of events, and read after most of them."""
        for _ in range(chance.randrange(most)):
            self.send(chance.randrange(1, 60))
            if chance.random() < 0.8:
                self.receive()

    def receive(self) -> None:
        """Read all that was sent."""
        for event in self.sent[len(self.came_at) :]:
            self.client.until(event)
            self.came_at.append(time.monotonic())

    @property
    def flushed(self) -> int:
        """Events that the writer must have, because the proxy worked on after their flush was due.

        A later event came through, and it was sent long enough after they came through.
        """
        last = self.sent_at[len(self.came_at) - 1] - _SEND_SECONDS if self.came_at else 0.0
        return sum(at < last for at in self.came_at)

    def close(self) -> None:
        self.client.close()
        self.server.close()


def writer_of(recorder: Running) -> int:
    """The process id of the writer, the only child."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True)
    pairs = [line.split() for line in listed.stdout.splitlines()]
    (found,) = [int(pid) for pid, parent in pairs if int(parent) == recorder.process.pid]
    return found
