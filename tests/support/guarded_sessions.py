"""Sessions of clients through a recorder in this process, whose functions are made to raise.

    functions = reached_functions()
    outcome = run_session(Fault(functions[0], KeyError))
    assert outcome.received == run_session().received

The proxy, its recorder and the client of the writer are the real ones. In place of the writer
process a thread reads from the same pipe: a process for each of many sessions takes long.
"""

import asyncio
import contextlib
import functools
import io
import os
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple
from unittest import mock

from mitmproxy import certs

from mesotape.addons.recorder import Recorder
from mesotape.addons.writing.writer_client import WriterClient
from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BatchDecoder,
    RecorderNote,
    RecordingStopped,
)
from mesotape.cassettes.recording.writer_reports import OPEN_SIGNAL, WriterConfig
from mesotape.proto.recordio import encode
from mesotape.proxy.commands.messages import messages
from mesotape.proxy.commands.mitm import FORCED, RecordingProxy
from support.paths import ROOT

SESSION_SECONDS = 20.0
"""Far more than a session takes."""

LAST_CHUNK = b"0\r\n\r\n"
_STREAMING = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_TOOL = 4
_EVENTS = sys.monitoring.events


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _post(path: bytes, body: bytes) -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: master.example\r\nContent-Type: application/json\r\n"
    return head % path + b"Content-Length: %d\r\n\r\n" % len(body) + body


_CHUNKED = (
    b"POST /chunked HTTP/1.1\r\nHost: master.example\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_RECORD = _chunk(encode(b'{"type":"HEARTBEAT"}'))

CALLS = {
    "unary": _post(b"/api/v1", b'{"type":"GET_HEALTH"}'),
    "upload": _post(b"/upload", bytes(range(256)) * 1200),
    "chunked": _CHUNKED + _chunk(b"12") + _chunk(b"3") + LAST_CHUNK,
    "stream": _post(b"/stream", b'{"type":"SUBSCRIBE"}'),
    "cut off by the upstream": _post(b"/cut", b'{"type":"SUBSCRIBE"}'),
    "left by the client": _post(b"/left", b'{"type":"SUBSCRIBE"}'),
    "not HTTP": b"\x00\xff GARBAGE\r\n\r\n",
    "upstream is not HTTP": _post(b"/garbage", b"{}"),
    "redirect that no master writes": _post(b"/odd", b"{}"),
    "redirect": _post(b"/redirect-me", b"{}"),
    "sent to the leader": _post(b"/api/v1", b'{"type":"GET_VERSION"}'),
}
"""What clients send, one after the other, each on a connection of its own."""


class Fault(NamedTuple):
    """A function that raises at each call."""

    code: CodeType
    error: type[Exception]

    def __str__(self) -> str:
        return f"{Path(self.code.co_filename).stem}.{self.code.co_qualname} {self.error.__name__}"


class Outcome(NamedTuple):
    """What clients received, and what the recorder tells about itself."""

    received: dict[str, bytes]
    failure: str | None
    notes: list[str]
    is_ended: bool
    stderr: str
    is_raised: bool = False


class _WriterThread:
    """Stands in for `subprocess.Popen`: reads what the writer process would."""

    pid = 0

    def __init__(self, *_: object, **__: object) -> None:
        read, write = os.pipe()
        read_status, self._write_status = os.pipe()
        self.stdin, self.stdout = open(write, "wb"), open(read_status, "rb")  # noqa: SIM115
        self.observations: list[AnyObservation] = []
        self._thread = threading.Thread(target=self._run, args=(read,), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        self._thread.join(SESSION_SECONDS)

    def _run(self, read: int) -> None:
        decoder = BatchDecoder()
        assert os.read(read, len(OPEN_SIGNAL)) == OPEN_SIGNAL
        os.write(self._write_status, b"{}\n")
        while data := os.read(read, 1 << 20):
            self.observations += decoder.feed(data)
            with contextlib.suppress(OSError):
                os.write(self._write_status, b'{"exchanges":1}\n')
        os.close(read)
        os.close(self._write_status)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request after the other, by the path."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"chunked" in head:
                chunks = await reader.readuntil(LAST_CHUNK)
                body = b"".join(chunks.split(b"\r\n")[1:-3:2])  # The proxy may join chunks.
            else:
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                body = await reader.readexactly(int(length))
            path = head.split()[1]
            match path:
                case b"/stream":
                    data = _STREAMING + _RECORD * 3 + LAST_CHUNK
                case b"/cut" | b"/left":
                    data = _STREAMING + _RECORD
                case b"/garbage":
                    data = b"what\r\n\r\n"
                case b"/odd":
                    data = _redirect(b"http://elsewhere/\xff")
                case b"/redirect-me":
                    port: int = writer.get_extra_info("sockname")[1]
                    data = _redirect(b"//localhost:%d/redirect-me" % port)
                case _:
                    text = b"%d %d" % (len(body), zlib.crc32(body))
                    data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
            writer.write(data)
            await writer.drain()
            if path in (b"/cut", b"/garbage"):
                break
            if path == b"/left":
                await reader.read()
    writer.close()


def _redirect(location: bytes) -> bytes:
    head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n"
    return head % location


async def _call(port: int, request: bytes) -> bytes:
    """Send a request, and return all that comes until the answer is complete."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    is_left = b"/left" in request
    received = b""
    while data := await reader.read(1 << 16):
        received += data
        head, end, body = received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and (
            (length and len(body) == int(length))
            or body.endswith(LAST_CHUNK)
            or (is_left and body == _RECORD)
        ):
            break
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return received


async def _clients(port: int, upstream: int) -> dict[str, bytes]:
    received = {name: await _call(port, request) for name, request in CALLS.items()}
    return {
        name: data.replace(b":%d" % upstream, b":UPSTREAM").replace(b":%d" % port, b":RECORDER")
        for name, data in received.items()
    }


@contextlib.asynccontextmanager
async def _upstream() -> AsyncIterator[int]:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@functools.cache
def _confdir() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


_load_store = functools.cache(certs.CertStore.from_store)
"""Makes or loads a key, once for all sessions."""


async def _session(started: Callable[[], None], stopped: Callable[[], None]) -> Outcome:
    recorder, ports = Recorder(), asyncio.get_running_loop().create_future()
    writers: list[_WriterThread] = []

    def make_writer(*_: object, **__: object) -> _WriterThread:
        writers.append(_WriterThread())
        return writers[0]

    async def ready(addresses: list[tuple[str, int]]) -> None:
        with mock.patch.object(subprocess, "Popen", make_writer):
            await recorder.start(WriterClient(WriterConfig("cassette.yaml")))
        started()
        ports.set_result(addresses[0][1])

    stderr = io.StringIO()
    with (
        mock.patch.object(sys, "stderr", stderr),
        mock.patch.object(certs.CertStore, "from_store", _load_store),
    ):
        async with asyncio.timeout(SESSION_SECONDS), _upstream() as upstream:
            proxy: Any = RecordingProxy(recorder, ready)
            mode = f"reverse:http://127.0.0.1:{upstream}@127.0.0.1:0"
            proxy.options.update(**FORCED | {"mode": [mode], "confdir": _confdir().name})
            running = asyncio.create_task(proxy.run())
            received = await _clients(await ports, upstream)
            proxy.shutdown()
            await running
            await recorder.done()
            stopped()
        messages.flush()
    observed = writers[0].observations
    return Outcome(
        received,
        recorder.failure,
        [one.text for one in observed if isinstance(one, RecorderNote)],
        any(isinstance(one, RecordingStopped) for one in observed),
        stderr.getvalue(),
    )


@contextlib.contextmanager
def _monitoring(on_start: Callable[[CodeType, int], object]) -> Iterator[None]:
    sys.monitoring.use_tool_id(_TOOL, "mesotape tests")
    sys.monitoring.register_callback(_TOOL, _EVENTS.PY_START, on_start)
    try:
        yield
    finally:
        sys.monitoring.register_callback(_TOOL, _EVENTS.PY_START, None)
        sys.monitoring.free_tool_id(_TOOL)


def reached_functions() -> list[CodeType]:
    """Return the functions of mesotape that run while clients are served, until the stop."""
    own = {str(ROOT / folder) for folder in ("proto", "cassettes", "addons", "proxy")}
    reached = dict[CodeType, None]()
    main = threading.get_ident()

    def on_start(code: CodeType, _: int) -> None:
        if threading.get_ident() == main and code.co_filename.startswith(tuple(own)):
            reached[code] = None

    with _monitoring(on_start):
        asyncio.run(
            _session(
                lambda: sys.monitoring.set_events(_TOOL, _EVENTS.PY_START),
                lambda: sys.monitoring.set_events(_TOOL, 0),
            )
        )
    return list(reached)


def run_session(fault: Fault | None = None) -> Outcome:
    """Run a session. `fault` begins when the recorder is ready."""
    if fault is None:
        return asyncio.run(_session(lambda: None, lambda: None))
    code, main, raised = fault.code, threading.get_ident(), list[bool]()

    def on_start(_: CodeType, __: int) -> None:
        if threading.get_ident() == main:
            raised.append(True)
            raise fault.error("a secret")

    with _monitoring(on_start):
        outcome = asyncio.run(
            _session(
                lambda: sys.monitoring.set_local_events(_TOOL, code, _EVENTS.PY_START),
                lambda: sys.monitoring.set_local_events(_TOOL, code, 0),
            )
        )
    return outcome._replace(is_raised=bool(raised))
