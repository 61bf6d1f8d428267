"""Bodies that go from the cassette to the client in blocks."""

import asyncio
import gzip
import tracemalloc

import pytest
from support.large_cassettes import GET, MEGABYTE, large_json, receive, serve, write_cassette
from support.playback_cassettes import request

from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.stored_body import StoredBody


def get(method="GET", **headers):
    return request(b"", method=method, path="/state", content_type=None, **headers)


@pytest.fixture
def answer_of(tmp_path):
    """Return the answer to the one request of a cassette."""
    opened = []

    def answer(body, **how):
        edit = how.pop("edit", None)
        options, sent = how.pop("options", Options()), how.pop("sent", None)
        path = write_cassette(tmp_path / f"{len(opened)}.yaml", body, **how)
        if edit is not None:
            path.write_bytes(edit(path.read_bytes()))
        cassette = Cassette.open(path)
        opened.append(cassette)
        return Playback(cassette, options).answer(get() if sent is None else sent, 0.0)

    yield answer
    for cassette in opened:
        cassette.close()


def padded(data):
    """Edit a cassette as a person may: a blank between two tokens."""
    return data.replace(b'},{"name"', b'}, {"name"', 1)


def with_peer(data):
    return data.replace(b"\n...\n---\nexchange", b"\n...\n---\nexchange")[: -len(b"...\n")] + (
        b"peer: somebody\n...\n"
    )


def in_two_lines(data):
    return data.replace(b'},{"name"', b'},\n    {"name"', 1)


CHUNKED = {"Transfer-Encoding": "chunked"}
GZIPPED = {"Content-Encoding": "gzip", "Content-Length": "1234"}
IN_FILE = {
    "json": {},
    "json, chunked": {"headers": CHUNKED},
    "json, gzip": {"headers": GZIPPED},
    "text": {"form": "text"},
    "text, another length": {"form": "text", "headers": {"Content-Length": "5"}},
    "cut text": {"form": "text", "cause": "server-cut", "headers": {"Content-Length": "9999999"}},
    "connection: close": {"headers": {"Connection": "close"}},
}
IN_MEMORY = {
    "edited json": {"edit": padded},
    "json in two lines": {"edit": in_two_lines, "headers": CHUNKED},
    "a key after the body": {"edit": with_peer},
    "json with a line end": {"spacing": "compact newline", "headers": {}},
}


@pytest.mark.parametrize("how", IN_FILE.values(), ids=IN_FILE)
def test_a_long_line_stays_in_the_cassette_and_the_answer_is_the_same(answer_of, monkeypatch, how):
    body = large_json()
    answer = answer_of(body, **how)
    assert isinstance(answer.content, StoredBody)
    assert b"".join(answer.content.blocks()) == answer.body == body.encode()
    assert max(map(len, answer.content.blocks())) <= 256 * 1024
    monkeypatch.setattr("mesotape.cassettes.storage.reader.find_stored_body", lambda *_: None)
    whole = answer_of(body, **how)
    assert isinstance(whole.content, bytes)
    assert (answer.head, answer.body, answer.close) == (whole.head, whole.content, whole.close)


@pytest.mark.parametrize("how", IN_MEMORY.values(), ids=IN_MEMORY)
def test_other_bodies_are_read_as_a_whole(answer_of, monkeypatch, how):
    body = large_json()
    answer = answer_of(body, **how)
    assert isinstance(answer.content, bytes)
    monkeypatch.setattr("mesotape.cassettes.storage.reader.find_stored_body", lambda *_: None)
    assert answer_of(body, **how).content == answer.content
    assert answer.content.strip() == body.encode()


def test_an_edit_that_breaks_the_json_is_an_error(answer_of):
    with pytest.raises(ValueError, match="not JSON"):
        answer_of(large_json(), edit=lambda data: data.replace(b'},{"name"', b'}{"name"', 1))


def test_a_client_that_accepts_gzip_gets_the_same_gzip(answer_of, monkeypatch):
    body, sent = large_json(), get(Accept_Encoding="gzip")
    answer = answer_of(body, headers=GZIPPED, sent=sent)
    assert gzip.decompress(answer.body) == body.encode()
    monkeypatch.setattr("mesotape.cassettes.storage.reader.find_stored_body", lambda *_: None)
    assert answer_of(body, headers=GZIPPED, sent=sent).body == answer.body


@pytest.mark.parametrize("limit", [0, 1, 256 * 1024, 256 * 1024 + 1, 1 << 20])
def test_faults_cut_a_body_in_the_cassette_where_they_cut_any_other(answer_of, monkeypatch, limit):
    body, faults = large_json(), [f"/state:cut-answer={limit}@1", "/state:late=2@1"]
    options = Options(faults=faults)
    steps = list(answer_of(body, options=options).steps)
    sent = b"".join(step.data for _, step in steps if hasattr(step, "data"))
    monkeypatch.setattr("mesotape.cassettes.storage.reader.find_stored_body", lambda *_: None)
    whole = list(answer_of(body, options=options).steps)
    assert sent == b"".join(step.data for _, step in whole if hasattr(step, "data"))
    assert steps[-1] == whole[-1]
    assert all(at == 2.0 for at, _ in steps)


def test_the_body_is_not_read_for_a_head(answer_of, monkeypatch):
    monkeypatch.setattr(StoredBody, "blocks", None)
    answer = answer_of(large_json(), method="HEAD", sent=get("HEAD"))
    assert answer.content == b""
    assert b"Content-Length: 29" in answer.head


# Over sockets.


def test_requests_before_and_after_a_large_answer_are_answered_in_order(tmp_path):
    body = large_json()

    async def scenario(connect, server, failures):
        reader, writer = await connect()
        writer.write(GET + GET + b"GET / HTTP/1.1\r\n\r\n" + GET)
        for expected in (True, True, False, True):
            assert (await receive(reader) == body.encode()) is expected
        assert server.responder.journal.served_count == 3
        assert failures == []
        writer.close()

    serve(write_cassette(tmp_path / "c.yaml", body), scenario)


def test_a_large_answer_that_closes_the_connection_is_sent_whole(tmp_path):
    body = large_json()

    async def scenario(connect, server, failures):
        reader, writer = await connect()
        writer.write(GET)
        assert (await reader.read()).endswith(b"\r\n\r\n" + body.encode())
        writer.close()

    path = write_cassette(tmp_path / "c.yaml", body, headers={"Connection": "close"})
    serve(path, scenario)


def test_clients_that_do_not_read_take_no_memory_and_others_get_their_answers(tmp_path):
    body = large_json(24 * MEGABYTE)
    size = len(body.encode())

    async def scenario(connect, server, failures):
        del failures
        clients = [await connect() for _ in range(8)]
        tracemalloc.start()
        for _, writer in clients:
            writer.write(GET)
        while server.responder.journal.served_count < len(clients):
            await asyncio.sleep(0.01)
        for reader, _ in clients[:3]:
            await reader.readuntil(b"\r\n\r\n")
            rest = size
            while rest:
                rest -= len(await reader.read(min(rest, MEGABYTE)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 24 * MEGABYTE
        for _, writer in clients:
            writer.transport.abort()
        while server.peers:
            await asyncio.sleep(0.01)

    serve(write_cassette(tmp_path / "c.yaml", body), scenario)


def test_a_cassette_that_changes_while_it_is_sent_cuts_the_answer_and_is_a_failure(tmp_path):
    path = write_cassette(tmp_path / "c.yaml", large_json(24 * MEGABYTE))

    async def scenario(connect, server, failures):
        reader, writer = await connect()
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        with path.open("ab") as file:
            file.write(b"# changed\n")
        received = await reader.read()
        assert len(received) < 24 * MEGABYTE
        ((exchange, error),) = failures
        assert exchange == 1
        assert "changed since it was opened" in str(error)
        writer.close()
        reader, writer = await connect()
        writer.write(GET)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 500 ")
        writer.close()
        del server

    serve(path, scenario)


def test_a_reset_of_the_replay_ends_a_large_answer(tmp_path):
    async def scenario(connect, server, failures):
        reader, writer = await connect()
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        server.reset()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(24 * MEGABYTE)
        while server.peers:
            await asyncio.sleep(0.01)
        assert failures == []
        writer.close()

    serve(write_cassette(tmp_path / "c.yaml", large_json(24 * MEGABYTE)), scenario)
