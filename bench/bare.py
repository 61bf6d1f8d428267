"""The least that a server can do: the peers of a replay.

python bench/bare.py answer FILE    parses requests with httptools, answers the bytes of FILE
python bench/bare.py stream FILE    writes each line of FILE, unescaped, with one write
python bench/bare.py file FILE      sends FILE with sendfile
python bench/bare.py idle           begins a stream, and sends no more
"""

import asyncio
import sys
from pathlib import Path

import httptools


class Bare(asyncio.Protocol):
    """Answers every request with a constant."""

    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(self.answer)


class BareStream(Bare):
    """Answers with a stream: one write for each chunk, and a pause when the transport asks."""

    head = b""
    chunks: tuple[bytes, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.may_write = asyncio.Event()
        self.may_write.set()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def on_message_complete(self) -> None:
        self.sending = asyncio.get_running_loop().create_task(self.send())

    async def send(self) -> None:
        self.transport.write(self.head)
        for chunk in self.chunks:
            self.transport.write(chunk)
            if not self.may_write.is_set():
                await self.may_write.wait()


class BareFile(Bare):
    """Answers with a file."""

    path = Path()

    def on_message_complete(self) -> None:
        self.sending = asyncio.get_running_loop().create_task(self.send())

    async def send(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.path.stat().st_size
        self.transport.write(head)
        with self.path.open("rb") as file:
            await asyncio.get_running_loop().sendfile(self.transport, file)


class BareIdle(Bare):
    """Answers with the begin of a stream."""

    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n3\nfoo\r\n"


def protocol(kind: str, path: Path) -> type[Bare]:
    if kind == "idle":
        return BareIdle
    if kind == "stream":
        head, *chunks = path.read_bytes().split(b"\n--\n")
        return type("", (BareStream,), {"head": head, "chunks": tuple(chunks)})
    if kind == "file":
        return type("", (BareFile,), {"path": path})
    return type("", (Bare,), {"answer": path.read_bytes()})


async def main() -> None:
    made = protocol(sys.argv[1], Path(sys.argv[-1]))
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
