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


def pieces(chunks: list[bytes], max_record: int = 1 << 20) -> list[RecordIOPiece]:
    decoder = Decoder(max_record)
    return [piece for chunk in chunks for piece in decoder.feed(chunk)] + decoder.close()


def joined(found: list[RecordIOPiece]) -> list[tuple[int, int, bytes, str]]:
    """Malformed pieces that only follow another one are one, whatever they were cut into."""
    told: list[tuple[int, int, bytes, str]] = []
    for piece in found:
        match piece:
            case Record():
                told.append((piece.number, piece.offset, piece.payload, "record"))
            case MalformedBytes() if told and told[-1][3] == piece.reason:
                number, offset, data, reason = told.pop()
                told.append((number, offset, data + piece.data, reason))
            case MalformedBytes():
                told.append((piece.number, piece.offset, piece.data, piece.reason))
    return told


def raw(found: list[RecordIOPiece]) -> bytes:
    return b"".join(
        piece.data if isinstance(piece, MalformedBytes) else encode(piece.payload)
        for piece in found
    )


CASES = {
    "nothing": (b"", []),
    "one": (b"5\nhello", [(1, 0, b"hello", "record")]),
    "two": (b"5\nhello3\nfoo", [(1, 0, b"hello", "record"), (2, 7, b"foo", "record")]),
    "empty record": (b"0\n1\nx", [(1, 0, b"", "record"), (2, 2, b"x", "record")]),
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
def test_a_stream_gives_its_pieces_whole_and_byte_by_byte(
    data: bytes, expected: list[tuple[int, int, bytes, str]]
) -> None:
    assert joined(pieces([data])) == expected
    assert joined(pieces([bytes([byte]) for byte in data])) == expected


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
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    split = [data[a:b] for a, b in itertools.pairwise(places)]
    assert joined(pieces(split)) == joined(pieces([data]))


@given(st.lists(st.binary(max_size=300)))
def test_what_was_encoded_is_decoded(payloads: list[bytes]) -> None:
    assert decode(b"".join(map(encode, payloads))) == payloads


@given(st.binary(max_size=200))
def test_no_byte_is_lost(data: bytes) -> None:
    found = pieces([data])
    if all(not isinstance(piece, Record) or piece.is_canonical for piece in found):
        assert raw(found) == data
    assert sum(p.size if isinstance(p, Record) else len(p.data) for p in found) == len(data)


def test_leading_zeros_are_not_canonical() -> None:
    (zeros, plain) = pieces([b"05\nhello5\nhello"])
    assert isinstance(zeros, Record)
    assert isinstance(plain, Record)
    assert (zeros.is_canonical, plain.is_canonical) == (False, True)


def test_the_decoder_holds_no_more_than_one_record() -> None:
    decoder = Decoder(max_record_bytes=100)
    for _ in range(1000):
        decoder.feed(b"9" * 50)
        assert decoder.pending_bytes <= 100 + 21


def test_an_error_names_record_and_byte() -> None:
    with pytest.raises(RecordIOError, match=r"^record 2, byte 3: length is b'x', expected decimal"):
        decode(b"1\nax")
