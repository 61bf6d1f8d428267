"""The kept part of a body: bounded, and from the start of a record."""

from hypothesis import given
from hypothesis import strategies as some
from mitmproxy.test import tflow

from mesotape.addons.views.kept_body import HeadBuffer, KeptRange, TailBuffer, load_kept_range
from mesotape.proto.recordio import Decoder, Record, encode


def feed_tail(data: bytes, limit: int, size: int) -> tuple[bytes, KeptRange]:
    tail = TailBuffer(limit)
    for at in range(0, len(data), size):
        tail.feed(data[at : at + size])
    return tail.snapshot()


@given(
    some.lists(some.binary(max_size=30), max_size=20), some.integers(1, 80), some.integers(1, 50)
)
def test_a_tail_starts_where_a_record_starts(records: list[bytes], limit: int, size: int) -> None:
    data = b"".join(map(encode, records))
    kept, kept_range = feed_tail(data, limit, size)
    assert len(kept) <= limit
    assert data.endswith(kept)
    assert (kept_range.offset, kept_range.total) == (len(data) - len(kept), len(data))
    if kept_range.inside:
        assert len(kept) == limit < len(encode(records[-1]))
        assert kept_range.number == len(records)
        return
    decoder = Decoder(first_number=kept_range.number, offset=kept_range.offset)
    pieces = decoder.feed(kept)
    assert decoder.close() == []
    assert [one.payload for one in pieces if isinstance(one, Record)] == records[
        kept_range.number - 1 :
    ]


def test_a_tail_holds_as_many_records_as_fit() -> None:
    data = encode(b"one") + encode(b"two") + encode(b"three")
    assert feed_tail(data, 13, 1) == (data[5:], KeptRange(5, 17, 2))
    assert feed_tail(data, 11, 1) == (data[10:], KeptRange(10, 17, 3))


def test_a_record_that_is_too_large_is_kept_from_its_middle() -> None:
    data = encode(b"one") + encode(b"x" * 100)
    assert feed_tail(data, 10, 7) == (
        b"x" * 10,
        KeptRange(len(data) - 10, len(data), 2, inside=True),
    )


def test_after_a_malformed_length_the_record_is_unknown() -> None:
    assert feed_tail(encode(b"one") + b"12x\n" + b"y" * 50, 20, 3)[1] == KeptRange(
        39, 59, 0, inside=True
    )


def test_a_malformed_length_that_is_kept_has_its_number() -> None:
    data = encode(b"one") * 3 + b"12x\n"
    assert feed_tail(data, 10, 1) == (data[10:], KeptRange(10, 19, 3))


def test_a_range_of_a_range_is_relative_to_the_whole() -> None:
    assert KeptRange(10, 30, 3).offset_by(KeptRange(100, 140, 7)) == KeptRange(110, 130, 9)
    assert KeptRange(10, 30, 0, inside=True).offset_by(KeptRange(100, 140, 7)) == KeptRange(
        110, 130, 0, inside=True
    )


def test_a_head_is_the_first_bytes() -> None:
    head = HeadBuffer(4)
    for data in (b"ab", b"cde", b"f"):
        head.feed(data)
    assert head.snapshot() == (b"abcd", KeptRange(0, 6))


def test_a_saved_flow_has_its_kept_range() -> None:
    flow = tflow.tflow(resp=True)
    KeptRange(5, 9, 2).save_to_flow(flow, "response")
    again = type(flow).from_state(flow.get_state())
    assert load_kept_range(again, "response") == KeptRange(5, 9, 2)
    assert load_kept_range(again, "request") is None
    assert load_kept_range(None, "request") is None
