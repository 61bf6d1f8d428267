"""Planted secrets through `mesotape record` and `replay`: none is in any file or output."""

import os
import signal
from pathlib import Path

import pytest
from support.commands import run, running
from support.planted_exchanges import PlantedExchanges
from support.planted_plain import PlantedExchange
from support.planted_secrets import find_secrets
from support.sockets import LAST_CHUNK, Upstream, Wire, connect, eventually

from mesotape.proto.messages.descriptors import Encoding

CUTS = range(1, 2000, 1 if os.environ.get("MESOTAPE_ALL_CUTS") else 397)
"""After how many bytes a stream is cut into two chunks."""


def head(first: str, fields: list[tuple[str, str]]) -> bytes:
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in fields), "", ""]).encode()


def request(one: PlantedExchange) -> bytes:
    fields = [*one.request_headers, ("Host", "m")]
    if one.request_body:
        fields.append(("Content-Length", str(len(one.request_body))))
    return head(f"{one.method} {one.target} HTTP/1.1", fields) + one.request_body


def answer(one: PlantedExchange, cut: int | None) -> bytes:
    fields = one.response_headers
    if not one.is_stream and not any(name == "Content-Length" for name, _ in fields):
        fields = [*fields, ("Content-Length", str(len(one.response_body)))]
    chunks = one.records
    if cut is not None:
        data = b"".join(one.records)
        chunks = tuple(filter(None, (data[:cut], data[cut:])))
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head(f"HTTP/1.1 {one.status} X", fields) + (
        body + LAST_CHUNK if one.is_stream else one.response_body
    )


def without_chunks(body: bytes) -> bytes:
    data = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        data, body = data + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return data


def check_request(server: Wire, one: PlantedExchange) -> None:
    got = server.until(b"\r\n\r\n")
    assert server.exactly(len(one.request_body)) == one.request_body
    for _, value in one.request_headers:
        assert value.encode() in got


def check_answer(client: Wire, one: PlantedExchange) -> None:
    got = client.until(b"\r\n\r\n")
    for _, value in one.response_headers:
        assert value.encode() in got
    if one.is_stream:
        assert without_chunks(client.until(LAST_CHUNK)) == b"".join(one.records)
    else:
        assert client.exactly(len(one.response_body)) == one.response_body


def play(
    upstream: Upstream,
    address: tuple[str, int],
    exchanges: list[PlantedExchange],
    cut: int | None = None,
) -> None:
    """Send exchanges through a proxy: both sides get all that the other one has sent."""
    for one in exchanges:
        with connect(address) as client:
            client.send(request(one))
            with upstream.accept() as server:
                check_request(server, one)
                server.send(answer(one, cut))
                check_answer(client, one)


def files(folder: Path) -> bytes:
    return b"\n".join(
        os.fsencode(path) + b"\n" + path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_file_and_no_output_of_a_recorder_has_a_secret(
    tmp_path: Path, encoding: Encoding, end: signal.Signals
) -> None:
    planting = PlantedExchanges(encoding)
    # mitmproxy does not forward requests in absolute form as they are.
    exchanges = [one for one in planting.exchanges() if not one.target.startswith("http")]
    streams = [one for one in exchanges if one.is_stream]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "HOME": str(tmp_path / "home")}
    environment["PYTHONASYNCIODEBUG"] = "1"  # asyncio logs more
    cassette = tmp_path / "cassette.yaml"
    arguments = ("record", "--server", "master", "-o", cassette)
    with (
        Upstream() as upstream,
        running(*arguments, upstream.url, env=environment, cwd=tmp_path) as recorder,
    ):
        play(upstream, recorder.address, exchanges)
        for cut in CUTS:
            longer = [one for one in streams if cut < len(b"".join(one.records))]
            play(upstream, recorder.address, longer, cut)
        with connect(recorder.address) as client:
            client.send(request(streams[0]))
            with upstream.accept() as server:
                check_request(server, streams[0])
                server.send(answer(streams[0], None)[:-60])  # an end in the middle
                client.until(b"\r\n\r\n")
                count = len(exchanges)
                eventually(lambda: cassette.read_bytes().count(b"\nexchange: ") >= count, "all")
                recorder.stop(end)
    eventually(lambda: b"\nend: " in cassette.read_bytes(), "the end of the writer")
    secrets = {name: one for name, one in planting.source.secrets.items() if name != "user info"}
    assert len(secrets) > 100
    assert find_secrets(secrets, files(tmp_path)) == []
    assert find_secrets(secrets, (recorder.out + recorder.said).encode()) == []
    validated = run("validate", cassette)
    assert validated.returncode == 0, validated.stdout + validated.stderr
    inspected = run("inspect", cassette)
    assert find_secrets(secrets, (inspected.stdout + inspected.stderr).encode()) == []
    if end == signal.SIGINT:
        shown = replay(cassette, exchanges)
        assert find_secrets(secrets, shown) == []


def replay(cassette: Path, exchanges: list[PlantedExchange]) -> bytes:
    """Play the cassette for a client with the same secrets; return all that the replay shows."""
    receipt = cassette.with_name("receipt.json")
    shown = b""
    misses: list[bytes] = []
    with running("replay", cassette, "--control", "127.0.0.1:0", "--receipt", receipt) as played:
        for one in exchanges:
            with connect(played.address) as client:
                client.send(request(one))
                got = client.until(b"\r\n\r\n")
                assert got.startswith(b"HTTP/1.1 %d " % one.status), (one.name, got)
            body = one.request_body.replace(b"t-1", b"t-2").replace(b"f-1", b"f-2")
            other = one._replace(target=f"{one.target}&other", request_body=body)
            with connect(played.address) as client:
                client.send(request(other))
                got = client.until(b"\r\n\r\n")
                if got.startswith(b"HTTP/1.1 501 "):
                    length = int(got.lower().partition(b"content-length: ")[2].split()[0])
                    misses.append(client.exactly(length))
                shown += got
        url, token = played.control
        host, _, port = url.rpartition("//")[2].rpartition(":")
        for path in ("/misses", "/unused", "/status"):  # the journal has requests as they were
            fields = [("Host", f"{host}:{port}"), ("Authorization", f"Bearer {token}")]
            with connect((host, int(port))) as client:
                client.send(head(f"GET {path} HTTP/1.1", fields))
                got = client.message()
                assert got.startswith(b"HTTP/1.1 200 "), got
                shown += got
    assert misses
    shown += b"".join(misses) + receipt.read_bytes()
    return shown + (played.out + played.said).encode()
