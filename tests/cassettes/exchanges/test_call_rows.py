"""The compiled digests of calls are those of the Python code, which decides on unusual calls."""

from array import array
from hashlib import blake2b
from itertools import accumulate
from random import Random

import pytest

from mesotape.proto.messages import fast_conversion
from mesotape.proto.messages.descriptors import message_class

pytestmark = pytest.mark.skipif(
    not fast_conversion.is_compiled(), reason="nothing is compared without it"
)

CALL = "mesos.v1.master.Call"
BARE = message_class(CALL)(type="READ_FILE").SerializeToString()
TAG = bytes([message_class(CALL).DESCRIPTOR.fields_by_name["read_file"].number << 3 | 2])


def call(path, more=""):
    text = f'{{"type":"READ_FILE","read_file":{{"path":"{path}","offset":1}}{more}}}'
    return text.encode()


def digests(bodies, *, most=None, may_be_bare=False):
    """Return the rows of usual calls by the beginnings of their digests, and the others."""
    digests_of = fast_conversion.digests_of_rows(CALL, BARE, TAG, may_be_bare=may_be_bare)
    assert digests_of is not None
    sizes = array("I", map(len, bodies))
    starts = array("Q", accumulate(sizes, initial=100))
    block = b"".join(bodies)[:most]
    rows = array("I", range(len(bodies)))
    usual, others = digests_of(block, 100, starts[:-1], sizes, memoryview(rows))
    numbers = memoryview(usual).cast("Q")
    return {n & 0xFFFFFFFF: n >> 32 for n in numbers}, list(memoryview(others).cast("I"))


def test_digests_of_calls_of_any_length_are_those_of_hashlib():
    random = Random(7)
    bodies = [call(f"{random.getrandbits(4 * size):0{size}x}") for size in range(1, 500)]
    usual, others = digests(bodies)
    expected = [blake2b(fast_conversion.json_to_protobuf(b, CALL), digest_size=16) for b in bodies]
    assert usual == {row: int.from_bytes(d.digest()[:4]) for row, d in enumerate(expected)}
    assert others == []


@pytest.mark.parametrize(
    ("body", "may_be_bare", "is_usual"),
    [
        (b'{"read_file": {"offset": 1, "path": "/a"}, "type": "READ_FILE"}', False, True),
        (b'{"type":"READ_FILE"}', True, True),
        (b'{"type":"READ_FILE"}', False, False),
        (b'{"type":"GET_STATE"}', True, False),
        (call("/a", ',"get_metrics":{}'), True, False),
        (call("/a", ',"unknown":1'), True, False),
        (call("/a", ',"set_logging_level":null'), True, True),
        (b"{", True, False),
        (b"", True, False),
    ],
)
def test_calls_with_more_than_their_field_are_left_to_the_python_code(body, may_be_bare, is_usual):
    usual, others = digests([call("/b"), body], may_be_bare=may_be_bare)
    assert 0 in usual
    assert (1 in usual, others) == (is_usual, [] if is_usual else [1])


def test_calls_beyond_the_block_are_left_for_the_next_one():
    bodies = [call("/a"), call("/b"), call("/c")]
    usual, others = digests(bodies, most=2 * len(bodies[0]) + 5)
    assert (list(usual), others) == ([0, 1], [])


def test_numbers_are_sorted():
    random = Random(7)
    numbers = array("Q", (random.getrandbits(64) for _ in range(1000)))
    expected = sorted(numbers)
    fast_conversion.sort_numbers(numbers)
    assert list(numbers) == expected
