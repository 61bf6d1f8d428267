"""What other addons and options of mitmproxy do to a flow, in one proxy, with our recorder or not.

`run_all` sends each call through the proxy once for each situation. The upstream is in this
process, too, and remembers what it got.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from mitmproxy import http, options
from mitmproxy.tools.dump import DumpMaster
from msgspec import Struct, field

from mesotape.addons.inspector import Inspector
from mesotape.addons.recorder import Recorder
from mesotape.addons.writing.writer_client import WriterClient
from mesotape.cassettes.recording.writer_reports import WriterConfig

PATIENCE_SECONDS = 20.0

type Hooks = dict[str, Callable[[http.HTTPFlow], None]]

RECORDS = [b'{"type":"HEARTBEAT"}', b'{"type":"HEARTBEAT" }']
STREAM = b"".join(b"%d\n%b" % (len(record), record) for record in RECORDS)
GET_HEALTH = b'{"type":"GET_HEALTH"}'
HEALTHY = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'
INPUT = b'{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO"}}'


class Situation(Struct, frozen=True):
    """`before` and `after` are hooks of addons before and after the recorder.

    With `edits_whole_body`, the effect depends on a body that mitmproxy holds until it is whole. A
    stream, which never is whole, would not pass without the recorder, so there is none on it.
    """

    before: Hooks = field(default_factory=dict)
    after: Hooks = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    edits_whole_body: bool = False


class Call(NamedTuple):
    headers: list[bytes]
    body: bytes
    is_chunked: bool = False


CALLS = {
    "unary": Call([b"Content-Type: application/json"], GET_HEALTH),
    "stream": Call([b"Content-Type: application/json"], b'{"type":"SUBSCRIBE"}'),
    "input": Call(
        [b"Content-Type: application/recordio", b"Message-Content-Type: application/json"],
        b"%d\n%b" % (len(INPUT), INPUT) + STREAM,
        is_chunked=True,
    ),
}


class Message(NamedTuple):
    """A request that the upstream got, or a response that the client got."""

    start_line: bytes
    headers: list[bytes]
    body: bytes
    is_complete: bool


class Outcome(NamedTuple):
    """What the client got, and what the upstream got; None if nothing."""

    client: Message | None
    upstream: Message | None


class OtherAddon:
    """An addon with the hooks of the current situation."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hooks: Hooks = {}

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._call("requestheaders", flow)

    def request(self, flow: http.HTTPFlow) -> None:
        self._call("request", flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self._call("responseheaders", flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._call("response", flow)

    def _call(self, hook: str, flow: http.HTTPFlow) -> None:
        if hook in self.hooks:
            self.hooks[hook](flow)


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """Read one message. A body without a length goes on to the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    start_line, *headers = head[:-4].split(b"\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in headers)
    body, is_complete = b"", True
    try:
        if b"transfer-encoding" in fields:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(fields.get(b"content-length", 0)))
    except (asyncio.IncompleteReadError, ValueError) as error:
        body += getattr(error, "partial", b"")
        is_complete = False
    return Message(start_line, headers, body, is_complete)


def frame(call: Call, path: str) -> bytes:
    length = b"Content-Length: %d" % len(call.body)
    headers = [b"Host: master", b"Connection: close", *call.headers]
    headers.append(b"Transfer-Encoding: chunked" if call.is_chunked else length)
    head = b"\r\n".join([b"POST %b HTTP/1.1" % path.encode(), *headers, b"", b""])
    return head + (chunked([call.body]) if call.is_chunked else call.body)


def chunked(pieces: Iterable[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


class Upstream:
    """Answers a call by its kind, and remembers the last request that it got."""

    def __init__(self) -> None:
        self.got: Message | None = None
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while (request := await read_message(reader)) is not None:
                self.got = request
                json = b"Content-Type: application/json"
                if b"SUBSCRIBE" in request.body:
                    head = b"HTTP/1.1 200 OK\r\n%b\r\nTransfer-Encoding: chunked\r\n\r\n" % json
                    writer.write(head + chunked([STREAM[:22], STREAM[22:]]))
                else:
                    head = b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: %d\r\n\r\n"
                    writer.write(head % (json, len(HEALTHY)) + HEALTHY)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def proxy(
    upstream: Upstream, cassette: Path | None, confdir: Path
) -> AsyncIterator[tuple[Any, OtherAddon, OtherAddon, int]]:
    """Run mitmdump's addons, with our recorder between two other addons if `cassette` is given."""
    settings: Any = options.Options(
        mode=[f"reverse:http://127.0.0.1:{upstream.port}@127.0.0.1:0"], confdir=str(confdir)
    )
    master: Any = DumpMaster(settings, with_termlog=False, with_dumper=False)
    master.options.update(connection_strategy="lazy", keep_host_header=True)
    before, after = OtherAddon("before"), OtherAddon("after")
    recorder = Recorder()
    ours = [] if cassette is None else [recorder, Inspector()]
    master.addons.add(before, *ours, after)
    running = asyncio.create_task(master.run())
    server = master.addons.get("proxyserver")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not server.listen_addrs():
            await asyncio.sleep(0.01)
    if cassette is not None:
        await recorder.start(WriterClient(WriterConfig(path=str(cassette), server="master")))
    try:
        yield master, before, after, server.listen_addrs()[0][1]
    finally:
        await server.servers.update([])
        for connection in list(server.connections.values()):
            for transport in list(connection.transports.values()):
                transport.handler.cancel("the test is over")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while server.connections:
                await asyncio.sleep(0.01)
        master.shutdown()
        await running


async def run_all(
    situations: dict[str, Situation], cassette: Path | None, confdir: Path
) -> dict[tuple[str, str], Outcome]:
    """Return what client and upstream got, by the names of situation and call."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    outcomes = dict[tuple[str, str], Outcome]()
    async with server, proxy(upstream, cassette, confdir) as (master, before, after, port):
        for name, situation in situations.items():
            unchanged = {option: getattr(master.options, option) for option in situation.options}
            master.options.update(**situation.options)
            before.hooks, after.hooks = situation.before, situation.after
            for kind, call in CALLS.items():
                upstream.got = None
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(frame(call, path_of(name, kind)))
                async with asyncio.timeout(PATIENCE_SECONDS):
                    got = await read_message(reader)
                    rest = await reader.read()
                if got is not None:  # mitmproxy may send more than the length of an edited head.
                    got = got._replace(body=got.body + rest)
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
                outcomes[name, kind] = Outcome(got, upstream.got)
            before.hooks, after.hooks = {}, {}
            master.options.update(**unchanged)
    return outcomes


def path_of(name: str, kind: str) -> str:
    return f"/api/v1?{name}-{kind}"
