"""Observations in bytes, and what cannot be encoded as it is."""

import pytest

from mesotape.cassettes.recording.observations import (
    BatchDecoder,
    RecorderNote,
    RequestHead,
    encode_batch,
)
from mesotape.proto.shown_text import escape_surrogates


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain", "plain"),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        (b"a\xff\x80b".decode("utf-8", "surrogateescape"), r"a\xff\x80b"),
        ("\ud800 \udfff", r"\ud800 \udfff"),
    ],
)
def test_bytes_that_are_not_utf8_are_escaped_in_notes(text: str, escaped: str) -> None:
    assert escape_surrogates(text) == escaped
    assert RecorderNote(1, 0.5, text).text == escaped
    decoded = BatchDecoder().feed(encode_batch([RecorderNote(1, 0.5, text)]))
    assert decoded == [RecorderNote(1, 0.5, escaped)]


def test_all_bytes_of_a_head_survive() -> None:
    text = bytes(range(256)).decode("latin-1")
    head = RequestHead(1, 0.0, 1, None, text, text, text, [(text, text)])
    assert BatchDecoder().feed(encode_batch([head])) == [head]
