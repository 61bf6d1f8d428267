"""The script addon in mitmdump records as `mesotape record` does."""

import re
from pathlib import Path

from support.cassette_contents import kept
from support.commands import running
from support.mitmdump import listening, mitmdump
from support.sockets import (
    SUBSCRIBE,
    Upstream,
    answer,
    connect,
    eventually,
    get,
    pass_stream,
    post,
)


def talk(upstream: Upstream, address: tuple[str, int]) -> None:
    """Make a call, a request to another path, and a stream, on two connections."""
    with connect(address) as client:
        client.send(post(b'{"type":"GET_HEALTH"}'))
        with upstream.accept() as server:
            server.message()
            server.send(answer(b'{"type":"GET_HEALTH"}', b"Content-Type: application/json"))
            client.message()
            client.send(get(b"/version", b"Authorization: Basic abc"))
            server.message()
            server.send(answer(b"{}"))
            client.message()
    with connect(address) as client:
        client.send(post(SUBSCRIBE))
        with upstream.accept() as server:
            server.message()
            pass_stream(server, client)


def shape(path: Path) -> str:
    """Return a cassette without what differs between recordings: times, ports, upstream."""
    text = re.sub(r"(?m)^(  )?(at|after|recorded_at): .*", r"\1\2: …", path.read_text())
    text = re.sub(r"(?m)^upstream: .*", "upstream: …", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:…", text)


def test_mitmdump_records_the_same_cassette(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.yaml", tmp_path / "theirs.yaml"
    with Upstream() as upstream:
        with running("record", upstream.url, "-o", ours) as recorder:
            talk(upstream, recorder.address)
        with mitmdump(tmp_path, upstream, f"mesotape_cassette={theirs}") as dump:
            talk(upstream, listening(dump))
            eventually(lambda: len(kept(theirs)) == 3 and kept(theirs)[2].end, "end of the stream")
            assert dump.stop() == 0, dump.said
    assert re.search(f"(?m)^STATUS [0-9]+ exchanges?, [0-9]+ events? in {theirs}$", dump.said)
    assert "rror" not in dump.said
    assert shape(theirs) == shape(ours)


def test_an_existing_cassette_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    path.write_text("precious")
    with Upstream() as upstream, mitmdump(tmp_path, upstream, f"mesotape_cassette={path}") as dump:
        dump.until("already exists: choose another file, or set mesotape_existing to overwrite")
        assert dump.process.wait(timeout=30) == 1
    assert path.read_text() == "precious"


def test_an_invalid_option_is_refused(tmp_path: Path) -> None:
    with Upstream() as upstream, mitmdump(tmp_path, upstream, "mesotape_existing=maybe") as dump:
        dump.until("mesotape_existing is 'maybe', expected refuse or overwrite or append")
        assert dump.process.wait(timeout=30) == 1


def test_without_a_cassette_the_status_is_not_recording(tmp_path: Path) -> None:
    with Upstream() as upstream, mitmdump(tmp_path, upstream) as dump:
        talk(upstream, listening(dump))
        dump.until("STATUS not recording\n")
        assert dump.stop() == 0
    assert not list(tmp_path.glob("*.yaml"))
