from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.random_messages import RandomJSON, damaged, descriptor_of
from support.sample_messages import names

from mesotape.proto.diagnosis import protobuf_content
from mesotape.proto.diagnosis.content import PayloadContent, type_values_by_name
from mesotape.proto.diagnosis.protobuf_content import examine
from mesotape.proto.messages import fast_conversion, mapping
from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.messages.summary_fields import collect_summary_fields

NAMES = sorted(set(names()))


def shown(content: PayloadContent, message: str) -> tuple[object, ...]:
    """Return what a row has of a content."""
    fields = collect_summary_fields(content.value, message, content.type)
    return content.type, content.diagnostics, content.value is None, fields


def examine_without_compiled_module(payload: bytes, name: str) -> PayloadContent:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_conversion, "native", None)
        return examine(payload, name)


@pytest.fixture(autouse=True)
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf_content, "WARM_RECORDS", 0)


@pytest.mark.skipif(fast_conversion.native is None, reason="the compiled module was not built")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_the_compiled_module_changes_no_finding(seed: int, name: str, expected: str) -> None:
    random = Random(seed)
    text = RandomJSON(random, oddity=0.002).text(descriptor_of(name))
    try:
        payload = mapping.decode(text, name).SerializeToString(deterministic=True)
    except ValueError:
        return
    for each in (payload, damaged(random, payload)):
        for message in (name, expected):
            expected_content = examine_without_compiled_module(each, message)
            assert shown(examine(each, message), message) == shown(expected_content, message)


@pytest.mark.parametrize("name", NAMES)
def test_a_type_without_its_field_is_examined_as_without_the_compiled_module(name: str) -> None:
    message = message_class(name)
    if "type" not in message.DESCRIPTOR.fields_by_name:
        return
    for value in type_values_by_name(name):
        payload = message(type=value).SerializePartialToString()
        expected = examine_without_compiled_module(payload, name)
        assert shown(examine(payload, name), name) == shown(expected, name)
