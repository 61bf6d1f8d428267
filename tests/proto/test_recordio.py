import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.proto.recordio import (
    Decoder,
    MalformedBytes,
    Record,
    RecordIOError,
    RecordIOPiece,
    decode,
    encode,
)


def decode_chunks(chunks: list[bytes], max_record_bytes: int = 1 << 20) -> list[RecordIOPiece]:
    decoder = Decoder(max_record_bytes)
    return [piece for chunk in chunks for piece in decoder.feed(chunk)] + decoder.close()


def joined(pieces: list[RecordIOPiece]) -> list[tuple[int, int, bytes, str]]:
    """Pieces as tuples; those after a malformed length are joined, as they depend on the chunks."""
    rows: list[tuple[int, int, bytes, str]] = []
    for piece in pieces:
        match piece:
            case Record():
                rows.append((piece.number, piece.offset, piece.payload, "record"))
            case MalformedBytes() if rows and rows[-1][3] == piece.reason:
                number, offset, data, reason = rows.pop()
                rows.append((number, offset, data + piece.data, reason))
            case MalformedBytes():
                rows.append((piece.number, piece.offset, piece.data, piece.reason))
    return rows


CASES = {
    "nothing": (b"", []),
    "one": (b"5\nhello", [(1, 0, b"hello", "record")]),
    "two": (b"5\nhello3\nfoo", [(1, 0, b"hello", "record"), (2, 7, b"foo", "record")]),
    "empty record": (b"0\n1\nx", [(1, 0, b"", "record"), (2, 2, b"x", "record")]),
    "empty record last": (
        b"0\n10\n01234567890\n",
        [
            (1, 0, b"", "record"),
            (2, 2, b"0123456789", "record"),
            (3, 15, b"", "record"),
        ],
    ),
    "lengths that end alike": (
        b"12\n0123456789ab2\nab112\n" + b"x" * 112,
        [
            (1, 0, b"0123456789ab", "record"),
            (2, 15, b"ab", "record"),
            (3, 19, b"x" * 112, "record"),
        ],
    ),
    "newlines inside": (b"4\n1\n2\n", [(1, 0, b"1\n2\n", "record")]),
    "leading zeros": (b"005\nhello", [(1, 0, b"hello", "record")]),
    "letters": (
        b"5\nhello12x\nabc",
        [
            (1, 0, b"hello", "record"),
            (2, 7, b"12x", "length is b'12x', expected decimal digits"),
            (2, 10, b"\nabc", "follows a malformed length"),
        ],
    ),
    "empty length": (
        b"\n5\nhello",
        [
            (1, 0, b"\n", "length is empty, expected decimal digits"),
            (1, 1, b"5\nhello", "follows a malformed length"),
        ],
    ),
    "sign": (
        b"+5\nhello",
        [
            (1, 0, b"+", "length is b'+', expected decimal digits"),
            (1, 1, b"5\nhello", "follows a malformed length"),
        ],
    ),
    "carriage return": (
        b"5\r\nhello",
        [
            (1, 0, b"5\r", "length is b'5\\r', expected decimal digits"),
            (1, 2, b"\nhello", "follows a malformed length"),
        ],
    ),
    "too many digits": (
        b"1" * 25,
        [
            (1, 0, b"1" * 21, f"length is b'{'1' * 21}', expected at most 20 digits"),
            (1, 21, b"1111", "follows a malformed length"),
        ],
    ),
    "too large": (
        b"1048577\nx",
        [
            (1, 0, b"1048577\n", "length is 1048577, the limit is 1048576"),
            (1, 8, b"x", "follows a malformed length"),
        ],
    ),
    "short record": (b"5\nhel", [(1, 0, b"5\nhel", "stream ends after 3 of 5 bytes of a record")]),
    "short length": (
        b"1\nx12",
        [
            (1, 0, b"x", "record"),
            (2, 3, b"12", "stream ends inside a length, b'12', expected a newline"),
        ],
    ),
}


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES.keys())
def test_a_stream_has_the_same_pieces_whole_and_byte_by_byte(
    data: bytes, expected: list[tuple[int, int, bytes, str]]
) -> None:
    assert joined(decode_chunks([data])) == expected
    assert joined(decode_chunks([bytes([byte]) for byte in data])) == expected


streams = st.lists(
    st.one_of(
        st.binary(max_size=40).map(encode),
        st.sampled_from([b"0\n", b"007\nxxxxxxx", b"\n", b"-1\n", b"99999999\n", b"5", b"4\nab"]),
        st.binary(max_size=8),
    ),
    max_size=8,
).map(b"".join)


@given(streams, st.lists(st.integers(0, 200), max_size=12))
def test_any_split_gives_the_same_pieces(data: bytes, cuts: list[int]) -> None:
    offsets = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    split = [data[a:b] for a, b in itertools.pairwise(offsets)]
    assert joined(decode_chunks(split)) == joined(decode_chunks([data]))


@given(st.lists(st.binary(max_size=300)))
def test_encoded_payloads_are_decoded(payloads: list[bytes]) -> None:
    assert decode(b"".join(map(encode, payloads))) == payloads


@given(streams)
def test_no_byte_is_lost(data: bytes) -> None:
    pieces = decode_chunks([data])
    assert b"".join(piece.data for piece in pieces) == data
    assert sum(piece.size for piece in pieces) == len(data)


def test_leading_zeros_are_not_canonical() -> None:
    (zeros, plain) = decode_chunks([b"05\nhello5\nhello"])
    assert isinstance(zeros, Record)
    assert isinstance(plain, Record)
    assert (zeros.is_canonical, plain.is_canonical) == (False, True)


def test_the_decoder_holds_at_most_one_record() -> None:
    decoder = Decoder(max_record_bytes=100)
    stream = encode(b"9" * 100) * 30
    for start in range(0, len(stream), 7):
        assert all(isinstance(piece, Record) for piece in decoder.feed(stream[start : start + 7]))
        assert decoder.pending_bytes < len(encode(b"9" * 100))
    assert decoder.close() == []


def test_a_failed_decoder_holds_nothing() -> None:
    decoder = Decoder(max_record_bytes=100)
    assert not decoder.has_failed
    for _ in range(10):
        decoder.feed(b"9" * 50)
        assert decoder.has_failed
        assert decoder.pending_bytes == 0


def test_a_whole_record_is_decoded_alone_or_not_at_all() -> None:
    decoder = Decoder(max_record_bytes=5)
    for data in (b"", b"5\nhell", b"5\nhello5", b"05\nhello", b"\nhello", b"6\nhello!"):
        assert decoder.feed_whole_record(data) is None
    assert decoder.feed_whole_record(b"5\nhello") == b"hello"
    assert decoder.feed(b"3\nf") == []
    assert decoder.feed_whole_record(b"5\nhello") is None
    assert decoder.feed(b"oo") == [Record(number=2, offset=7, size=5, payload=b"foo")]


def test_an_error_names_record_and_byte() -> None:
    with pytest.raises(RecordIOError, match=r"^record 2, byte 3: length is b'x', expected decimal"):
        decode(b"1\nax")
