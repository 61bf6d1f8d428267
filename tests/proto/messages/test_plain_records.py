"""What the compiled reader takes for plain records, the examination of each confirms.

`make sanitize` runs these tests with a module that checks its memory accesses.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st
from support.random_messages import RandomJSON, damaged, descriptor_of, shuffled
from support.sample_messages import VALUES, filled, types

from mesotape.proto.api.negotiation import Encoding
from mesotape.proto.diagnosis.content import STREAMED_MESSAGES
from mesotape.proto.diagnosis.stream_type import StreamType
from mesotape.proto.messages import fast_conversion, json_writer
from mesotape.proto.messages.fast_conversion import plain_record_reader
from mesotape.proto.recordio import encode

EVENT = "mesos.v1.master.Event"
AGENT_REMOVED = '{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{"value":"%s"}}}'

pytestmark = pytest.mark.skipif(
    fast_conversion.native is None, reason="the compiled module was not built"
)

type Listed = list[tuple[str, int, str]]


def read(
    data: bytes, message: str, encoding: Encoding, position: int = 0, max_bytes: int = 1 << 20
) -> tuple[int, Listed]:
    """Read plain records; return where they end, and each of them."""
    reader = plain_record_reader(message, is_json=encoding == "json")
    assert reader is not None
    sizes: dict[str, list[int]] = {}
    listed: Listed = []
    stop, last = reader(data, position, max_bytes, sizes, listed)
    assert last == (listed[-1][0] if listed else None)
    for name in sizes:
        assert sizes[name] == [size for each, size, _ in listed if each == name]
    assert stop - position == sum(map(sum, sizes.values())) == sum(size for _, size, _ in listed)
    counted: dict[str, list[int]] = {}
    counted_stop, _ = reader(data, position, max_bytes, counted, None)
    assert counted_stop > stop or counted == sizes  # Summaries need not be plain to count records.
    return stop, listed


def is_plain(payload: bytes, message: str, encoding: Encoding) -> bool:
    """Return whether a record is plain; its type and summary have to be those of `examine`."""
    data = encode(payload)
    _, listed = read(data, message, encoding)
    if listed:
        judged = StreamType(message, encoding).record_judge(is_listed=True)(payload)
        assert judged is not None
        assert listed == [(judged[0], len(data), judged[1])]
    return bool(listed)


def variants(random: Random, message: str, oddity: float) -> Iterator[tuple[bytes, Encoding]]:
    descriptor = descriptor_of(message)
    text = RandomJSON(random, oddity).text(descriptor)
    yield text, "json"
    data = fast_conversion.json_to_protobuf(text, message)
    if data is not None:
        yield data, "protobuf"
        yield shuffled(random, data, descriptor), "protobuf"
        yield damaged(random, data), "protobuf"


@given(st.integers(0, 2**32), st.sampled_from(STREAMED_MESSAGES), st.sampled_from([0, 0.02]))
def test_random_records_are_what_they_are_when_examined(
    seed: int, message: str, oddity: float
) -> None:
    for payload, encoding in variants(Random(seed), message, oddity):
        is_plain(payload, message, encoding)


@given(st.binary(max_size=40), st.sampled_from(STREAMED_MESSAGES))
def test_any_bytes_are_no_danger(data: bytes, message: str) -> None:
    text = AGENT_REMOVED.encode() % data
    for encoding in ("json", "protobuf"):
        read(data, message, encoding)
        read(b"21\n" + data, message, encoding)
        is_plain(data, message, encoding)
        is_plain(text, message, encoding)


@pytest.mark.parametrize("message", STREAMED_MESSAGES)
def test_messages_of_all_types_are_plain(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VALUES, FieldDescriptor.TYPE_STRING, "a-1")
    for kind in types(message):
        for each in filled(message, kind, everything=False):
            assert is_plain(each.SerializeToString(), message, "protobuf")
            assert is_plain(json_writer.encode(each), message, "json")


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (AGENT_REMOVED % "a-1", "agent=a-1"),
        (AGENT_REMOVED % "", ""),
        (AGENT_REMOVED % "é", None),
        (AGENT_REMOVED % r"\u0041", None),
        (AGENT_REMOVED % "a\x7f", None),
        ('{ "type" : "HEARTBEAT" }', ""),
        ('{"agent_removed":null,"type":"AGENT_REMOVED"}', ""),
        ('{"type":"HEARTBEAT","more":1}', None),
        ('{"type":"HEARTBEAT","type":"HEARTBEAT"}', None),
        ('{"type":"LATER"}', None),
        ('{"type":null}', None),
        ("{}", None),
    ],
)
def test_what_is_unusual_is_left_to_the_examination(text: str, summary: str | None) -> None:
    payload = text.encode()
    assert is_plain(payload, EVENT, "json") == (summary is not None)
    if summary is not None:
        assert read(encode(payload), EVENT, "json")[1][0][2] == summary


def test_a_list_is_counted() -> None:
    offers = '"offers":[{"id":{"value":"[,]"}, "framework_id":{"value":"}"},%s}, {%s}]'
    ids = '"agent_id":{"value":"a"},"hostname":"h"'
    other = '"id":{"value":"1"},"framework_id":{"value":"2"},' + ids
    text = '{"type":"OFFERS","offers":{' + offers % (ids, other) + "}}"
    _, listed = read(encode(text.encode()), "mesos.v1.scheduler.Event", "json")
    assert [each for *_, each in listed] == ["offers=2"]


RECORD = encode(b'{"type":"HEARTBEAT"}')


@pytest.mark.parametrize(
    ("rest", "count"),
    [
        (b"", 2),
        (b"2", 2),
        (b"20", 2),
        (b"20\n", 2),
        (RECORD[:-1], 2),
        (b"020\n" + RECORD[3:], 2),
        (b"+20\n" + RECORD[3:], 2),
        (b"\n" + RECORD[3:], 2),
        (b"0\n" + RECORD, 2),
        (b"21\n" + RECORD[3:] + b" ", 2),
        (b"18446744073709551636\n" + RECORD[3:], 2),
        (RECORD + b"x", 3),
    ],
)
def test_a_run_ends_at_the_first_byte_that_is_no_plain_record(rest: bytes, count: int) -> None:
    data = b"x" + RECORD * 2 + rest
    stop, listed = read(data, EVENT, "json", 1, max_bytes=20)
    assert stop == 1 + len(RECORD) * count
    assert listed == [("HEARTBEAT", len(RECORD), "")] * count


MEMBER, LABEL = (b"a", -1, 0), (b"a", 0, False)


@pytest.mark.parametrize(
    ("description", "error"),
    [
        (None, TypeError),
        ((), TypeError),
        ((((),), [LABEL]), TypeError),
        (((None,), (LABEL,)), TypeError),
        (((("a",),), (LABEL,)), TypeError),
        ((((("a", -1, 0),),), (LABEL,)), TypeError),
        ((((MEMBER,),), ()), ValueError),
        (((((b"a", 0, -1),),), (LABEL,)), ValueError),
        (((((b"a", 2, -1),), ()), (LABEL,)), ValueError),
        (((((b"a", -1, -1),),), (LABEL,)), ValueError),
        ((((MEMBER,),), ((b"a", -1, False),)), ValueError),
        ((((MEMBER,),), ((b"a", 0),)), TypeError),
        ((((MEMBER,),), (LABEL,) * 65), ValueError),
    ],
)
def test_a_wrong_description_is_an_error(description: Any, error: type[Exception]) -> None:
    native = fast_conversion.native
    assert native is not None
    message = native.MessageType(
        lambda: ((b'"type":', 1, 14, False, False, False, False, -1, b"", NAMES),), repr
    )  # pyright: ignore
    reader = native.RecordReader(message, True, TYPES, lambda _: description)
    for _ in range(2):
        with pytest.raises(error):
            reader.read(RECORD, 0, 99, {}, [])
    assert reader.read(RECORD, 0, 99, {}, None) == (len(RECORD), "HEARTBEAT")


NAMES = ((0, b'"HEARTBEAT"'),)
TYPES = (("HEARTBEAT", b"HEARTBEAT", b""),)


def test_wrong_arguments_are_an_error() -> None:
    native = fast_conversion.native
    assert native is not None
    reader: Any = plain_record_reader(EVENT, is_json=True)
    for arguments in (
        (RECORD, 0, 99, {}),
        (RECORD, 0, 99, [], []),
        (RECORD, 0, 99, {}, ()),
        (RECORD, 0, 99, {"HEARTBEAT": None}, []),
        (RECORD.decode(), 0, 99, {}, []),
    ):
        with pytest.raises(TypeError):
            reader(*arguments)
    for position, most in ((-1, 99), (len(RECORD) + 1, 99), (0, -1)):
        with pytest.raises(ValueError, match="expected a position"):
            reader(RECORD, position, most, {}, [])
    types: Any
    for types in ([], (None,), (("a", "a", b""),), ((b"a", b"a", b""),)):
        with pytest.raises(TypeError):
            native.RecordReader(reader, True, types, repr)
    message = native.MessageType(tuple, repr)  # pyright: ignore
    for types in ([], (None,), (("a", "a", b""),), ((b"a", b"a", b""),)):
        with pytest.raises(TypeError):
            native.RecordReader(message, True, types, repr)  # pyright: ignore
