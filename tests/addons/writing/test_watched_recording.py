import msgspec

from mesotape.addons.writing.watched_recording import WatchedRecording
from mesotape.cassettes.format.documents import End, Event, Exchange, Note, Request, Response
from mesotape.cassettes.format.yaml_writer import format_ascii_event
from mesotape.cassettes.recording.writer_reports import DocumentReport, OpenStream, WriterStatus


class Written:
    """What is asked of a writer."""

    earlier_bytes = 1000
    length_bytes = 300


def exchange(number: int, request: Request, *, is_stream: bool = True) -> Exchange:
    response = Response(after=0.1, status=200, stream="recordio" if is_stream else None)
    return Exchange(exchange=number, at=0.5, client=1, request=request, response=response)


SUBSCRIBE = Request(method="POST", path="/api/v1", json='{"type": "SUBSCRIBE"}')
GET = Request(method="GET", path="/logs")


def test_open_streams_are_reported_with_their_last_event() -> None:
    watched = WatchedRecording(Written())  # pyright: ignore[reportArgumentType]
    watched.watch(
        [
            exchange(1, SUBSCRIBE),
            exchange(2, GET),
            exchange(3, GET, is_stream=False),
            exchange(4, SUBSCRIBE),
            Event(event=1, of=1, at=1.0, json='{"type": "SUBSCRIBED"}'),
            format_ascii_event(1, 2, 1.5, b"proto", b'{\n  "type": "TASK_ADDED",\n  "x": "y"\n}'),
            Event(event=9, of=1, at=1.8, from_="client", json='{"type": "ATTACH"}'),
            Event(event=1, of=2, at=2.0, text="no type"),
            Event(event=1, of=4, at=2.0, json="{}"),
            End(end=4, at=2.5, cause="server"),
            Event(event=5, of=8, at=0.1, base64=b"1", malformed="broken"),
            Note(note="one", at=2.0),
            Note(note="two", at=2.0),
        ]
    )
    status = watched.add_to(WriterStatus(exchanges=4))
    assert (status.exchanges, status.size, status.stream_count) == (4, 1300, 3)
    assert status.last_note == "two"
    assert status.streams == [
        OpenStream(exchange=2, call="GET /logs", events=1, last_at=2.0),
        OpenStream(exchange=1, call="SUBSCRIBE", events=2, last_type="TASK_ADDED", last_at=1.5),
        OpenStream(exchange=8, events=5, last_at=0.1),
    ]


def test_documents_are_listed_until_they_are_reported() -> None:
    watched = WatchedRecording(Written(), lists_documents=True)  # pyright: ignore[reportArgumentType]
    long = "x" * 2000
    watched.watch(
        [
            exchange(1, SUBSCRIBE),
            Event(event=1, of=1, at=1.0, json="{}"),
            End(end=1, at=2.0, cause="client"),
            Note(note=long, at=2.5),
            *(Note(note=long, at=3.0) for _ in range(10_020)),
        ]
    )
    reported = list[DocumentReport]()
    has_more = True
    while has_more:
        documents = watched.add_to(WriterStatus()).documents
        assert watched.add_to(WriterStatus()).documents == documents  # The first was not written.
        reported += documents
        assert len(msgspec.json.encode(documents)) < 1 << 15
        has_more = watched.forget_reported()
    assert reported[:2] == [
        DocumentReport(
            "stream",
            0.5,
            exchange=1,
            client=1,
            method="POST",
            path="/api/v1",
            type="SUBSCRIBE",
            status=200,
        ),
        DocumentReport("end", 2.0, exchange=1, cause="client", events=1),
    ]
    assert len(reported) == 10_000
    assert reported[2] == DocumentReport("note", 2.5, note="x" * 1000)
    assert reported[-1] == DocumentReport("dropped", 3.0, lines=24)
