from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.random_messages import RandomJSON, damaged, descriptor_of
from support.sample_messages import names

from mesotape.proto.diagnosis.content import PayloadContent
from mesotape.proto.diagnosis.protobuf_content import examine
from mesotape.proto.messages import fast_conversion, mapping

NAMES = sorted(set(names()))


def examine_without_compiled_module(payload: bytes, name: str) -> PayloadContent:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_conversion, "native", None)
        return examine(payload, name)


@pytest.mark.skipif(fast_conversion.native is None, reason="the compiled module was not built")
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
            assert examine(each, message) == examine_without_compiled_module(each, message)
