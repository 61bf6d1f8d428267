"""Messages between the parent and a worker, each with a socket if it has one.

They are pickled, in a frame of their size and whether a socket is with them, and go over a pair of
Unix sockets, in order. Nothing ever waits for the other side: what cannot be sent yet is queued.
"""

import asyncio
import errno
import os
import pickle
import socket
import struct
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from ...cassettes.matching.connections import RecordedConnection
from ..http.http1 import CompleteRequest
from ..server.answering import ListenScope
from ..server.request_journal import AnsweredCall

_FRAME = struct.Struct("!I?")
_READ_BYTES, _READ_DESCRIPTORS = 1 << 15, 64
_RETRY_SECONDS = 0.01


class ClientPassed(Struct, frozen=True):
    """A client that has connected, for a worker. Its socket is with the message."""

    number: int
    scope: ListenScope


class ClientReturned(Struct, frozen=True):
    """A client that wants what its worker has no answer for. Its socket is with the message.

    `requests` were received and not answered; `received` are the bytes after them. `claims` are the
    recorded connections that it stands for.
    """

    number: int
    scope: ListenScope
    claims: list[RecordedConnection]
    requests: list[CompleteRequest]
    received: bytes


class Question(Struct, frozen=True):
    """Asks for an `Account`. With `is_reset`, the playback begins anew after it."""

    is_reset: bool = False


class Account(Struct, frozen=True):
    """What a worker has answered since the last question: how much, and the latest of it."""

    count: int
    calls: list[AnsweredCall]


class RequestsDropped(Struct, frozen=True):
    """Requests of a client that left, which are not answered because too many wait."""

    count: int


type WorkerMessage = ClientPassed | ClientReturned | Question | Account | RequestsDropped


class Channel:
    """One end of a pair of sockets.

    `on_message` gets each message and its socket, which it then owns; `on_end` is called once, when
    the other side has ended.
    """

    def __init__(
        self,
        connected: socket.socket,
        on_message: Callable[[WorkerMessage, socket.socket | None], object],
        on_end: Callable[[], object],
    ) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._on_message = on_message
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._unsent = deque[tuple[memoryview, int | None]]()
        self._received = bytearray()
        self._descriptors = deque[int]()
        self._is_open = True
        self._loop.add_reader(connected, self._receive)

    @property
    def is_open(self) -> bool:
        """False after the other side, or this one, has ended."""
        return self._is_open

    def send(self, message: WorkerMessage, client: socket.socket | None = None) -> None:
        """Send a message, and a socket, which is closed here; drop both if the other has ended."""
        data = pickle.dumps(message)
        frame = memoryview(_FRAME.pack(len(data), client is not None) + data)
        if not self._is_open:
            if client is not None:
                client.close()
            return
        self._unsent.append((frame, None if client is None else client.detach()))
        if len(self._unsent) == 1:
            self._send_queued()

    def close(self) -> None:
        """End this side."""
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for descriptor in (*self._descriptors, *(each for _, each in self._unsent)):
            if descriptor is not None:
                os.close(descriptor)
        self._unsent.clear()
        self._descriptors.clear()

    def _send_queued(self) -> None:
        while self._unsent:
            data, descriptor = self._unsent[0]
            try:
                sent = socket.send_fds(
                    self._socket, [data], [] if descriptor is None else [descriptor]
                )
            except BlockingIOError:
                self._loop.add_writer(self._socket, self._send_queued)
                return
            except OSError as error:
                if error.errno not in (errno.ETOOMANYREFS, errno.ENOBUFS, errno.EMFILE):
                    self._end()
                else:  # The other side has to receive some of the sockets first.
                    self._loop.call_later(_RETRY_SECONDS, self._send_queued)
                return
            if descriptor is not None:
                os.close(descriptor)
            if sent < len(data):
                self._unsent[0] = data[sent:], None
            else:
                self._unsent.popleft()
        self._loop.remove_writer(self._socket)

    def _receive(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _READ_BYTES, _READ_DESCRIPTORS)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        self._descriptors += descriptors
        self._received += data
        while self._is_open and len(self._received) >= _FRAME.size:
            size, has_socket = _FRAME.unpack_from(self._received)
            end = _FRAME.size + size
            if len(self._received) < end:
                break
            message: WorkerMessage = pickle.loads(self._received[_FRAME.size : end])
            del self._received[:end]
            client = None
            if has_socket and self._descriptors:  # Without, this process has too many files.
                client = socket.socket(fileno=self._descriptors.popleft())
            self._on_message(message, client)
        if not data:
            self._end()

    def _end(self) -> None:
        if self._is_open:
            self.close()
            self._on_end()
