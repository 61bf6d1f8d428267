"""Cassettes with one large answer, and replays of them over sockets."""

import asyncio
import json

from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import Exchange, Request, Response
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proxy.server.server import ReplayServer
from support.playback_cassettes import HEADER

MEGABYTE = 1 << 20


def large_json(size=3 * MEGABYTE):
    """Return JSON as Mesos writes it, with blanks and escapes in strings."""
    task = {"name": 'a task, with é and \\ and "', "task_id": {"value": "t"}, "agent_id": None}
    tasks = [{**task, "task_id": {"value": f"t{n}"}} for n in range(size // 90)]
    return json.dumps(tasks, separators=(",", ":"), ensure_ascii=False)


def write_cassette(path, body, *, form="json", headers=None, method="GET", more="", **response):
    length = {"Content-Length": str(len(body.encode()))}
    answer = Response(
        after=0.1,
        status=200,
        headers={"Content-Type": "application/json"} | (length if headers is None else headers),
        **{form: body},
        **response,
    )
    asked = Request(method=method, path="/state")
    exchange = Exchange(exchange=1, at=0.0, client=1, request=asked, response=answer)
    header = HEADER.format(server="master").encode()
    path.write_bytes(header + yaml_writer.format_document(exchange) + more.encode())
    return path


def serve(path, scenario, *, tls=None, client_tls=None, factory=None):
    """Run `scenario(connect, server, failures)` against a replay of a cassette."""

    async def run():
        failures = []
        with Cassette.open(path) as cassette:
            playback = Playback(cassette, Options(pace=Instant()))
            server = ReplayServer(playback, on_failure=lambda *failure: failures.append(failure))
            address = await server.start(tls=tls)
            try:
                await scenario(
                    lambda: asyncio.open_connection(*address, ssl=client_tls), server, failures
                )
            finally:
                await server.stop()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.wait_for(run(), 50))


GET = b"GET /state HTTP/1.1\r\nAccept: application/json\r\n\r\n"


async def receive(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(size)
