"""Planted secrets through `mesotape record`: none is in any file, or on the terminal."""

import os
import signal
from pathlib import Path

import pytest
from support.commands import run, running
from support.planted_exchanges import PlantedExchanges
from support.planted_plain import PlantedExchange
from support.planted_secrets import find_secrets
from support.sockets import LAST_CHUNK, Upstream, connect, eventually

from mesotape.proto.messages.descriptors import Encoding


def head(first: str, fields: list[tuple[str, str]]) -> bytes:
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in fields), "", ""]).encode()


def request(one: PlantedExchange) -> bytes:
    fields = [*one.request_headers, ("Host", "m")]
    if one.request_body:
        fields.append(("Content-Length", str(len(one.request_body))))
    return head(f"{one.method} {one.target} HTTP/1.1", fields) + one.request_body


def answer(one: PlantedExchange) -> bytes:
    fields = one.response_headers
    if not one.is_stream and not any(name == "Content-Length" for name, _ in fields):
        fields = [*fields, ("Content-Length", str(len(one.response_body)))]
    body = b"".join(b"%x\r\n%b\r\n" % (len(r), r) for r in one.records)
    return head(f"HTTP/1.1 {one.status} X", fields) + (
        body + LAST_CHUNK if one.is_stream else one.response_body
    )


def play(upstream: Upstream, address: tuple[str, int], exchanges: list[PlantedExchange]) -> None:
    """Send all exchanges through a proxy: both sides get all that the other one has sent."""
    for one in exchanges:
        with connect(address) as client:
            client.send(request(one))
            with upstream.accept() as server:
                got = server.until(b"\r\n\r\n")
                assert server.exactly(len(one.request_body)) == one.request_body
                for _, value in one.request_headers:
                    assert value.encode() in got
                server.send(answer(one))
                body = client.until(b"\r\n\r\n")
                for _, value in one.response_headers:
                    assert value.encode() in body
                for record in one.records:
                    client.until(record)
                if not one.is_stream:
                    assert client.exactly(len(one.response_body)) == one.response_body


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
        eventually(
            lambda: cassette.read_bytes().count(b"\nexchange: ") >= len(exchanges) - 1, "all"
        )
        recorder.stop(end)
    eventually(lambda: b"\nend: " in cassette.read_bytes(), "the end of the writer")
    secrets = {name: one for name, one in planting.source.secrets.items() if name != "user info"}
    assert find_secrets(secrets, files(tmp_path)) == []
    assert find_secrets(secrets, (recorder.out + recorder.said).encode()) == []
    validated = run("validate", cassette)
    assert validated.returncode == 0, validated.stdout + validated.stderr
    inspected = run("inspect", cassette)
    assert find_secrets(secrets, (inspected.stdout + inspected.stderr).encode()) == []
