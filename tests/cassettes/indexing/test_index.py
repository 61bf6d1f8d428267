"""A run of documents is indexed as one document after the other."""

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesotape.cassettes.indexing import document_heads, index, segments
from mesotape.cassettes.indexing.document_heads import read_heads, read_heads_in_python
from mesotape.cassettes.indexing.index import DocumentIndex

HEADER = "---\nmesotape: 1\nrecorded_at: 2026-01-01T00:00:00Z\n...\n"
REQUEST = "request:\n  method: GET\n  path: /\nresponse:\n  after: 0.000001\n"

numbers = st.integers(1, 3)
seconds = st.integers(0, 3).map(lambda value: f"{value}.000000")
sides = st.sampled_from(["", "from: client\n"])
events = st.builds(
    "---\nevent: {}\nof: {}\nat: {}\n{}json: |-\n  {{}}\n{}...\n".format,
    numbers,
    numbers,
    seconds,
    sides,
    st.sampled_from(["", "", "", "from: client\n", "chunks: []\n"]),
)
exchanges = st.builds(
    "---\nexchange: {}\nat: {}\nclient: {}\n{}{}...\n".format,
    st.integers(1, 20),
    seconds,
    numbers,
    st.just(REQUEST),
    st.sampled_from(["", "", "peer: a\n"]),
)
ends = st.builds("---\nend: {}\nat: {}\n{}cause: server\n...\n".format, numbers, seconds, sides)
others = st.sampled_from(
    [
        "---\nnote: a\nat: 0.000000\n...\n",
        "--- # a comment\n{event: 1, of: 2, at: 1, text: a}\n...\n",
        "---\nevent: 1\nof: 1\nat: 0.000000\n",
        "---\nevent: 1\nof: 1\nat: 0.000000\n... # an end\n# a comment\n",
        "---\nwhat: 1\n...\n",
        "---\r\nevent: 1\r\nof: 1\r\nat: 0.0\r\n...\r\n",
    ]
)
files = st.tuples(
    st.lists(st.one_of(events, events, exchanges, ends), max_size=12),
    st.lists(st.one_of(events, exchanges, others), max_size=3),
    st.lists(st.one_of(events, exchanges, ends), max_size=12),
).map(lambda parts: HEADER + "".join("".join(part) for part in parts))


def contents(data: bytes) -> dict[str, object]:
    found = DocumentIndex(lambda size, offset: data[offset : offset + size])
    for stream in found.streams.values():
        if stream.end < stream.first:
            stream.first_at = 0.0  # It is compared only in streams that are regular so far.
    return {name: value for name, value in vars(found).items() if name != "_pread"}


@settings(deadline=None)
@given(files, st.sampled_from([64, 300, 1000, 1 << 20]))
def test_runs_are_indexed_as_their_documents(text: str, block: int) -> None:
    with patch.object(segments, "BLOCK_BYTES", block):
        found = contents(text.encode())
        with patch.object(index, "read_heads", lambda *_: None):
            expected = contents(text.encode())
        with patch.object(document_heads, "native", None):
            in_python = contents(text.encode())
    assert found == expected == in_python


@given(st.lists(events, min_size=1, max_size=8), st.lists(exchanges, max_size=4))
def test_documents_in_the_layout_of_the_writer_are_read_as_a_run(
    first: list[str], second: list[str]
) -> None:
    documents = [*first, *second]
    text = "".join(documents).encode()
    heads = read_heads(0, 0, text)
    is_usual = text.count(b"\nfrom:") == sum("000\nfrom:" in each for each in documents)
    assert (heads is not None) == is_usual
    if heads is not None:
        assert len(heads.starts) == 8 * len(documents)


@given(
    st.lists(st.one_of(events, exchanges, ends, others), max_size=12).map("".join),
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 4),
            st.sampled_from(
                [
                    "",
                    "\n",
                    "-",
                    "---",
                    "\n---\n",
                    "\n...\n",
                    "from:",
                    "\nfrom: client\n",
                    "f",
                    "0",
                    " ",
                    "\r",
                    "9" * 19,
                    "1" * 12 + ".999999",
                    "é",
                    "\0",
                ]
            ),
        ),
        max_size=3,
    ),
)
def test_the_compiled_module_reads_damaged_documents_as_the_python_code(
    text: str, damages: list[tuple[float, int, str]]
) -> None:
    for place, removed, added in damages:
        at = int(place * len(text))
        text = text[:at] + added + text[at + removed :]
    data = text.encode()
    for end in (len(data), int(0.7 * len(data))):
        assert read_heads(7, 3, data[:end]) == read_heads_in_python(7, 3, data[:end])


@pytest.mark.parametrize("is_regular", [True, False])
def test_an_event_after_the_end_of_its_stream_is_not_regular(is_regular: bool) -> None:
    exchange = f"---\nexchange: 1\nat: 0.000000\nclient: 1\n{REQUEST}...\n"
    event = "---\nevent: 1\nof: 1\nat: 1.000000\njson: |-\n  {}\n...\n"
    end = "---\nend: 1\nat: 1.000000\ncause: server\n...\n"
    documents = [event, end] if is_regular else [end, event]
    after = exchange.replace("exchange: 1", "exchange: 2")
    data = "".join([HEADER, exchange, *documents, after]).encode()
    ends = [len(HEADER) + 5, len(data)]  # of two blocks: the header, and all others in one run

    def pread(size: int, offset: int) -> bytes:
        stop = next((end for end in ends if end > offset), offset)
        return data[offset : min(stop, offset + size)]

    assert DocumentIndex(pread).is_regular == is_regular
