from collections import defaultdict
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.random_messages import RandomJSON, descriptor_of
from support.sample_messages import names

from mesotape.proto.messages import msgspec_types
from mesotape.proto.messages.mapping import message_from_json_value, parse_json
from mesotape.proto.messages.msgspec_types import decode_strictly

NAMES = sorted(set(names()))


@pytest.fixture(autouse=True)
def _warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msgspec_types, "_WARM_BYTES", 0)


def outcome(text: bytes, name: str) -> Any:
    try:
        return message_from_json_value(parse_json(text), name).SerializeToString(deterministic=True)
    except (ValueError, RecursionError) as error:
        return type(error), str(error)


@given(st.integers(0, 2**32), st.sampled_from(NAMES))
@pytest.mark.parametrize("oddity", [0.0, 0.01, 0.1])
def test_a_strictly_decoded_message_is_that_of_mesos(oddity: float, seed: int, name: str) -> None:
    text = RandomJSON(Random(seed), oddity).text(descriptor_of(name))
    message = decode_strictly(text, name)
    if message is not None:
        assert message.SerializeToString(deterministic=True) == outcome(text, name)


@pytest.mark.parametrize("name", NAMES)
def test_text_as_mesos_writes_it_is_decoded_strictly(name: str) -> None:
    text = RandomJSON(Random(0)).text(descriptor_of(name))
    if b'"limits":{"' not in text:  # protobuf takes no map from a dict
        assert decode_strictly(text, name) is not None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AgentID", b'{"value":"a","x":1}'),
        ("AgentID", b'{"value":"\xff"}'),
        ("AgentID", b"{}"),
        ("TimeInfo", b'{"nanoseconds":9223372036854775808}'),
        ("TaskStatus", b'{"task_id":{"value":""},"state":"NEW"}'),
        ("scheduler.AttributeConstraint.Predicate", b'{"text_equals":{"value":"x"},"exists":{}}'),
    ],
)
def test_what_mesos_reads_differently_is_left_to_the_reader_of_members(name, text) -> None:
    assert decode_strictly(text, f"mesos.v1.{name}") is None


def test_a_decoder_is_built_only_for_much_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text, name = b'{"value":"a"}', "mesos.v1.AgentID"
    monkeypatch.setattr(msgspec_types, "_WARM_BYTES", 2 * len(text))
    monkeypatch.setattr(msgspec_types, "_read_bytes", defaultdict[str, int](int))
    decoded = [decode_strictly(text, name) is not None for _ in range(3)]
    assert decoded == [False, False, True]
