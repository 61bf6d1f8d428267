"""The compiled conversion and the Python code give the same for the same input.

`make sanitize` runs these tests with a module that checks its memory accesses.
"""

import math
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.random_messages import RandomJSON, damaged, descriptor_of, shuffled
from support.sample_messages import filled, names, types

from mesotape.proto.messages import fast_conversion, json_writer, mapping
from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.messages.fast_conversion import (
    indented_json_writer,
    json_to_protobuf,
    protobuf_to_json,
    protobuf_to_text,
)

NAMES = sorted(set(names()))
EVENT, QUOTA, SCALAR, TIME, DURATION = (
    f"mesos.v1.{name}"
    for name in ("master.Event", "quota.QuotaConfig", "Value.Scalar", "TimeInfo", "DurationInfo")
)
COUNT = int(os.environ.get("MESOTAPE_RANDOM_MESSAGES", "1"))
"""Messages for each seed; more where there is time."""

compiled_only = pytest.mark.skipif(
    fast_conversion.native is None, reason="the compiled module was not built"
)


def as_read_by_python(text: bytes, name: str) -> bytes | None:
    """Return the protobuf of JSON text by the reference; None if it refuses it."""
    try:
        message = mapping.message_from_json_value(mapping.parse_json(text), name)
        return message.SerializeToString(deterministic=True)
    except (ValueError, RecursionError):
        return None


def message_to_text_by_python(data: bytes, name: str) -> tuple[bytes, bool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_conversion, "native", None)
        return mapping.message_to_text(data, name)


def check_text(text: bytes, name: str) -> None:
    data = json_to_protobuf(text, name)
    if data is not None:
        assert data == as_read_by_python(text, name)


def check_data(data: bytes, name: str) -> None:
    converted = protobuf_to_text(data, name)
    with_defaults = protobuf_to_json(data, name)
    indented = indented_json_writer(name)(data)
    if converted is None:
        assert with_defaults is indented is None
        return
    assert converted == message_to_text_by_python(data, name)
    assert with_defaults == json_writer.encode(mapping.decode_protobuf(data, name))
    assert indented == (msgspec.json.format(converted[0]) if converted[1] else None)


def test_the_module_is_compiled_where_a_compiler_is() -> None:
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    if not (shutil.which("cc") and headers.exists()) or "CI" not in os.environ:
        pytest.skip("there is no C compiler, no header of Python, or an older installation")
    assert fast_conversion.native is not None


def test_the_environment_switches_the_compiled_module_off() -> None:
    code = "from mesotape.proto.messages import fast_conversion as f; print(f.native)"
    environment = {**os.environ, "MESOTAPE_PURE_PYTHON": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "None\n"


@compiled_only
@pytest.mark.parametrize("everything", [True, False], ids=["all", "required"])
@pytest.mark.parametrize("name", NAMES)
def test_messages_as_servers_write_them_are_converted(name: str, everything: bool) -> None:
    for type_name in types(name):
        for message in filled(name, type_name, everything=everything):
            data = message.SerializeToString(deterministic=True)
            for include_defaults in (True, False):
                text = protobuf_to_json(data, name, include_defaults=include_defaults)
                assert text == json_writer.encode(message, include_defaults=include_defaults)
            assert protobuf_to_text(data, name) == (text, True)
            assert json_to_protobuf(text, name) == data
            indented = indented_json_writer(name)(data)
            assert indented == msgspec.json.format(text)
            assert json_to_protobuf(indented, name) == data


@compiled_only
@given(st.integers(0, 2**32), st.sampled_from(NAMES))
@pytest.mark.parametrize("oddity", [0.0, 0.01, 0.1])
def test_random_text_gives_the_bytes_of_the_python_code(oddity, seed, name) -> None:
    random = Random(seed)
    for _ in range(COUNT):
        check_text(RandomJSON(random, oddity).text(descriptor_of(name)), name)


@compiled_only
@given(st.integers(0, 2**32), st.sampled_from(NAMES))
def test_random_bytes_give_the_text_of_the_python_code(seed: int, name: str) -> None:
    random = Random(seed)
    for _ in range(COUNT):
        data = as_read_by_python(RandomJSON(random).text(descriptor_of(name)), name)
        if data is not None:
            check_data(data, name)
            check_data(damaged(random, data), name)
            check_data(shuffled(random, data, descriptor_of(name)), name)


@compiled_only
@given(st.binary(max_size=60), st.sampled_from(NAMES))
def test_any_bytes_are_no_danger(data: bytes, name: str) -> None:
    check_data(data, name)
    check_text(data, name)
    check_text(b'{"type":"' + data + b'"}', name)


@compiled_only
@given(
    st.floats()
    | st.floats(-1e5, 1e5)
    | st.builds(lambda n, places: n / 10**places, st.integers(-(2**53), 2**53), st.integers(0, 9))
    | st.builds(math.nextafter, st.integers(0, 2**32).map(lambda n: n / 1e6), st.floats())
)
def test_doubles_are_converted_as_by_the_python_code(value: float) -> None:
    data = message_class(SCALAR)(value=value).SerializeToString()
    text = protobuf_to_json(data, SCALAR)
    if math.isnan(value):
        assert text is None
        return
    assert text == b'{"value":' + json_writer.format_double(value).encode() + b"}"
    if math.isfinite(value):
        assert json_to_protobuf(text, SCALAR) == data


@compiled_only
@given(st.from_regex(r"\A-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?\Z"))
def test_decimals_are_read_as_by_the_python_code(number: str) -> None:
    check_text(b'{"value":' + number.encode() + b"}", SCALAR)
    check_text(b'{"nanoseconds":' + number.encode() + b"}", TIME)


@compiled_only
@given(st.text())
def test_texts_are_converted_as_by_the_python_code(value: str) -> None:
    message = message_class("mesos.v1.AgentID")()
    try:
        message.value = value
    except UnicodeEncodeError:
        return
    text = protobuf_to_json(message.SerializeToString(), "mesos.v1.AgentID")
    assert text == json_writer.encode(message)
    assert json_to_protobuf(text, "mesos.v1.AgentID") == message.SerializeToString()


UNUSUAL_DATA = {
    "an unknown field": ("AgentID", "0a01611001"),
    "a field of another wire type": ("AgentID", "0801"),
    "a required field that is missing": ("AgentID", ""),
    "a singular field twice": ("AgentID", "0a01610a0162"),
    "a tag that is longer than necessary": ("AgentID", "8a000161"),
    "a number that is longer than necessary": ("TimeInfo", "088100"),
    "a number of more than 64 bits": ("TimeInfo", "08ffffffffffffffffff02"),
    "a number without an end": ("TimeInfo", "08ff"),
    "a length without an end": ("AgentID", "0a02"),
    "a length past the end": ("AgentID", "0a0261"),
    "a length of 64 bits": ("AgentID", "0affffffffffffffffff01"),
    "a double that is cut off": ("Value.Scalar", "0900000000000000"),
    "a group": ("AgentID", "0b0c"),
    "field number 0": ("AgentID", "0001"),
    "a text that is not UTF-8": ("AgentID", "0a01ff"),
    "a text with half a surrogate pair": ("AgentID", "0a03eda080"),
    "a bool of 2": ("AgentInfo", "0a01611802"),
    "an int32 of 64 bits": ("Port", "08808080808001"),
    "an enum number that is not in the schema": ("master.Call", "08ff01"),
    "a zero that proto3 does not write": ("master.Call.DrainAgent", "0a030a016112020800"),
}


@compiled_only
@pytest.mark.parametrize("case", UNUSUAL_DATA)
def test_unusual_protobuf_is_left_to_the_python_code(case: str) -> None:
    name, data = UNUSUAL_DATA[case]
    assert protobuf_to_json(bytes.fromhex(data), f"mesos.v1.{name}") is None


@compiled_only
@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("Label", "1201620a0161", b'{"key":"a","value":"b"}'),
        ("CommandInfo", "3a01613001 3a0162", b'{"shell":true,"arguments":["a","b"]}'),
        ("Labels", "0a061201620a0161", b'{"labels":[{"key":"a","value":"b"}]}'),
    ],
)
def test_fields_in_another_order_are_converted(name: str, data: str, text: bytes) -> None:
    name, as_sent = f"mesos.v1.{name}", bytes.fromhex(data)
    assert protobuf_to_text(as_sent, name) == (text, False)
    assert message_to_text_by_python(as_sent, name) == (text, False)
    assert protobuf_to_json(as_sent, name) == text
    assert indented_json_writer(name)(as_sent) is None


UNUSUAL_TEXT = {
    "nothing": ("AgentID", ""),
    "no object": ("AgentID", "[]"),
    "an object without an end": ("AgentID", '{"value":"a"'),
    "a name without an end": ("AgentID", '{"val'),
    "a string without an end": ("AgentID", '{"value":"a'),
    "an escape without an end": ("AgentID", '{"value":"\\'),
    "a code point without an end": ("AgentID", '{"value":"\\u00'),
    "a code point of no digits": ("AgentID", '{"value":"\\u00g0"}'),
    "half a surrogate pair": ("AgentID", '{"value":"\\ud83d"}'),
    "two first halves": ("AgentID", '{"value":"\\ud83d\\ud83d"}'),
    "an unknown escape": ("AgentID", '{"value":"\\x"}'),
    "the escape of byte 0": ("AgentID", '{"value":"\\\0"}'),
    "a control character": ("AgentID", '{"value":"\t"}'),
    "something after the end": ("AgentID", '{"value":"a"}x'),
    "a comma before the end": ("AgentID", '{"value":"a",}'),
    "an unknown name": ("AgentID", '{"value":"a","x":1}'),
    "a name with an escape": ("AgentID", '{"valu\\u0065":"a"}'),
    "a name twice": ("AgentID", '{"value":"a","value":"b"}'),
    "a required field that is null": ("AgentID", '{"value":null}'),
    "a required field that is missing": ("AgentID", "{}"),
    "a number for a string": ("AgentID", '{"value":1}'),
    "a fraction": ("TimeInfo", '{"nanoseconds":1.5}'),
    "an exponent": ("TimeInfo", '{"nanoseconds":1e3}'),
    "a leading zero": ("TimeInfo", '{"nanoseconds":01}'),
    "a minus alone": ("TimeInfo", '{"nanoseconds":-}'),
    "a number in a string": ("TimeInfo", '{"nanoseconds":"1"}'),
    "more than 64 bits": ("TimeInfo", '{"nanoseconds":18446744073709551616}'),
    "more than int64": ("TimeInfo", '{"nanoseconds":9223372036854775808}'),
    "less than int64": ("TimeInfo", '{"nanoseconds":-9223372036854775809}'),
    "a negative number of an unsigned field": ("Port", '{"number":-1}'),
    "a leading zero of a double": ("Value.Scalar", '{"value":01.5}'),
    "a double without a fraction after its point": ("Value.Scalar", '{"value":1.}'),
    "a double out of range": ("Value.Scalar", '{"value":1e999}'),
    "a double of many digits": ("Value.Scalar", '{"value":0.' + "1" * 99 + "}"),
    "not a number": ("Value.Scalar", '{"value":NaN}'),
    "a bool in a string": ("AgentInfo", '{"hostname":"h","checkpoint":"true"}'),
    "an enum value that is not in the schema": ("master.Call", '{"type":"NEW"}'),
    "base64 without padding": ("TaskStatus", '{"uuid":"AAA"}'),
    "base64 with padding inside": ("TaskStatus", '{"uuid":"AA==AAAA"}'),
    "base64 of other characters": ("TaskStatus", '{"uuid":"A*AA"}'),
    "a value outside a list": ("Labels", '{"labels":{"key":"a"}}'),
    "null in a list": ("Labels", '{"labels":[null]}'),
    "a list in a list": ("Labels", '{"labels":[[]]}'),
    "a list without an end": ("Labels", '{"labels":[{"key":"a"}'),
    "a zero that proto3 does not write": ("master.Call", '{"drain_agent":{"agent_id":{"value":"a"},'
                                          '"max_grace_period":{"seconds":0}}}'),
    "keys out of order": ("quota.QuotaConfig", '{"role":"r","limits":{"b":{"value":1},'
                          '"a":{"value":1}}}'),
    "a key twice": ("quota.QuotaConfig", '{"role":"r","limits":{"a":{"value":1},'
                    '"a":{"value":1}}}'),
    "a key that another one begins with": ("quota.QuotaConfig", '{"role":"r","limits":{'
                                           '"a":{"value":1},"ab":{"value":1}}}'),
    "a key without a value": ("quota.QuotaConfig", '{"role":"r","limits":{"a"}}'),
    "two members of a oneof": ("scheduler.AttributeConstraint.Predicate",
                               '{"exists":{},"not_exists":{}}'),
}  # fmt: skip


@compiled_only
@pytest.mark.parametrize("case", UNUSUAL_TEXT)
def test_unusual_text_is_left_to_the_python_code(case: str) -> None:
    name, text = UNUSUAL_TEXT[case]
    assert json_to_protobuf(text.encode(), f"mesos.v1.{name}") is None


def nested(depth: int) -> Any:
    message = message_class("mesos.v1.ContainerID")(value="0")
    for _ in range(depth):
        message = message_class("mesos.v1.ContainerID")(value="a", parent=message)
    return message


@compiled_only
@pytest.mark.parametrize(("depth", "is_converted"), [(31, True), (32, False), (99, False)])
def test_deep_nesting_is_left_to_the_python_code(depth: int, is_converted: bool) -> None:
    name, message = "mesos.v1.ContainerID", nested(depth)
    data, text = message.SerializeToString(), json_writer.encode(message)
    assert protobuf_to_json(data, name) == (text if is_converted else None)
    assert json_to_protobuf(text, name) == (data if is_converted else None)
    assert mapping.encode(message) == text
    assert mapping.decode(text, name) == message


@compiled_only
@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 16383, 16384, 2_097_152])
def test_lengths_of_any_size_are_written(size: int) -> None:
    labels = [{"key": "k" * size, "value": "b"}, {"key": "é" * size}]
    message = message_class("mesos.v1.Labels")(labels=labels)
    text = json_writer.encode(message)
    assert json_to_protobuf(text, "mesos.v1.Labels") == message.SerializeToString()
    assert protobuf_to_json(message.SerializeToString(), "mesos.v1.Labels") == text


@compiled_only
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_object_with_bytes_is_converted(kind: Any) -> None:
    text = kind(b' {\n"value" : "a"\t}\r')
    assert json_to_protobuf(text, "mesos.v1.AgentID") == b"\x0a\x01a"
    assert protobuf_to_json(kind(b"\x0a\x01a"), "mesos.v1.AgentID") == b'{"value":"a"}'


@compiled_only
@pytest.mark.parametrize(
    ("description", "error"),
    [
        (None, TypeError),
        ((None,), TypeError),
        (((b'"a":', 1),), TypeError),
        (((b'"a":', 1, 9, False, False, False, False, -1, "", None),), TypeError),
        (((b'"a":', 0, 9, False, False, False, False, -1, b"", None),), ValueError),
        (((b'"a":', 1 << 29, 9, False, False, False, False, -1, b"", None),), ValueError),
        (((b'"a":', 1, 9, False, False, False, False, 64, b"", None),), ValueError),
        (((b'"a":', 1, 10, False, False, False, False, -1, b"", None),), NotImplementedError),
        (((b'"a":', 1, 9, False, False, False, True, -1, b"", None),), NotImplementedError),
        (((b'"a":', 1, 11, False, False, False, False, -1, b"", None),), TypeError),
        (((b'"a":', 1, 14, False, False, False, False, -1, b"", None),), TypeError),
        (((b'"a":', 1, 14, False, False, False, False, -1, b"", ((1, "a"),)),), TypeError),
        (((b'"a":', 1, 9, False, False, False, False, -1, b"", None),) * 129, ValueError),
    ],
)
def test_a_wrong_description_is_an_error(description: Any, error: type[Exception]) -> None:
    assert fast_conversion.native is not None
    message_type = fast_conversion.native.MessageType(lambda: description, repr)
    for convert in (message_type.to_json, lambda data: message_type.to_protobuf(b"{}")):
        with pytest.raises(error):
            convert(b"")


@compiled_only
def test_an_error_of_the_description_is_passed_on() -> None:
    def describe() -> Any:
        raise ZeroDivisionError

    assert fast_conversion.native is not None
    with pytest.raises(ZeroDivisionError):
        fast_conversion.native.MessageType(describe, repr).to_json(b"")
    with pytest.raises(TypeError):
        fast_conversion.native.MessageType()  # pyright: ignore
    with pytest.raises(TypeError):
        fast_conversion.native.MessageType(describe, repr).to_json("text")  # pyright: ignore
