"""Rows of a cassette: what they know of exchanges, and what they keep of a long cassette."""

import tracemalloc
from pathlib import Path

import pytest
from support.cassette_builder import JSON, RECORDED_AT

from mesotape.cassettes.format.documents import Event, Exchange, Header, Request, Response
from mesotape.cassettes.format.yaml_writer import format_document
from mesotape.cassettes.inspection.cassette_rows import read_cassette_rows
from mesotape.cassettes.storage import document_reader
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.judge import find_problems

SHORT, LONG = 200, 1000
HEADER = Header(mesotape=1, server="agent", recorded_at=RECORDED_AT)


def written(path, documents):
    path.write_bytes(b"".join(map(format_document, documents)))
    return path


def exchange(number, **request):
    asked = Request(method="POST", path="/api/v1", headers=JSON, **request)
    response = Response(after=0.1, status=200, headers=JSON, text="")
    return Exchange(
        exchange=number,
        at=float(number),
        client=number,
        peer=f"192.0.2.1:{number}",
        request=asked,
        response=response,
    )


def peak_bytes(read, path):
    with Cassette.open(path) as cassette:
        tracemalloc.start()
        try:
            assert not [each for each in read(cassette) if each is None]
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    ("read", "most"),
    # tracemalloc does not see that msgspec frees the 200 bytes of a row.
    [(lambda cassette: (row.at for row in read_cassette_rows(cassette)), 240), (find_problems, 60)],
    ids=["rows", "findings"],
)
def test_an_exchange_more_takes_some_bytes_of_memory(
    read, most, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_reader, "_BLOCK_BYTES", 1 << 12)
    _, short, long = (  # The first one also loads what is loaded once.
        peak_bytes(
            read,
            written(
                tmp_path / "input.yaml",
                [HEADER, *(exchange(number, text="") for number in range(1, count + 1))],
            ),
        )
        for count in (1, SHORT, LONG)
    )
    assert long - short < most * (LONG - SHORT)


def test_records_before_their_exchange_know_its_client(tmp_path: Path) -> None:
    record = Event(event=1, of=1, at=1.0, from_="client", text='{"type":"LAUNCH_CONTAINER"}')
    documents = [HEADER, record, exchange(1, stream="recordio")]
    with Cassette.open(written(tmp_path / "input.yaml", documents)) as cassette:
        rows = list(read_cassette_rows(cassette))
    assert [(row.row_type, row.client, row.peer) for row in rows] == [
        (kind, 1, "192.0.2.1:1") for kind in ("event", "exchange")
    ]
