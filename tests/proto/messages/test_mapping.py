import json
import math

import pytest
from support.paths import DATA
from support.sample_messages import as_in_json, filled, names, types

from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.messages.fields import type_enum_name
from mesotape.proto.messages.json_values import base64_decode
from mesotape.proto.messages.mapping import (
    ConversionError,
    JSONTextError,
    WireFormatError,
    decode,
    decode_message,
    decode_protobuf,
    encode,
    message_from_json_value,
)

pytestmark = pytest.mark.usefixtures("both_ways")

VECTORS = json.loads((DATA / "mesos-vectors.json").read_text())


@pytest.mark.parametrize("case", VECTORS["json_to_protobuf"], ids=lambda case: case["in"][:60])
def test_json_becomes_the_message_that_mesos_makes(case: dict[str, str]) -> None:
    text, name = case["in"].encode(), case["message"]
    if "convert_error" in case:
        with pytest.raises(ConversionError) as refused:
            decode(text, name)
        assert str(refused.value) == case["convert_error"]
    else:
        message = decode(text, name)
        assert encode(message).decode() == case["json"]
        assert message.SerializeToString().hex() == case["protobuf_hex"]


@pytest.mark.parametrize("case", VECTORS["base64_decode"], ids=lambda case: repr(case["in"]))
def test_base64_is_decoded_as_mesos_does(case: dict[str, str]) -> None:
    if "error" in case:
        with pytest.raises(ValueError, match=case["error"]):
            base64_decode(case["in"])
    else:
        assert base64_decode(case["in"]).hex() == case["ok_hex"]


@pytest.mark.parametrize(
    ("name", "text", "written"),
    [
        ("quota.QuotaConfig", '{"role":"r","limits":[{"a":{"value":1}},{"b":{"value":"2"}}]}',
         '{"role":"r","limits":{"a":{"value":1.0},"b":{"value":2.0}}}'),
        ("quota.QuotaConfig", '{"role":"r","limits":[{"a":null},{"a":{"value":1}}]}',
         '{"role":"r","limits":{"a":{"value":1.0}}}'),
        ("quota.QuotaConfig", '{"role":"r","limits":{"a":{"value":" 1.5e1 "}}}',
         '{"role":"r","limits":{"a":{"value":15.0}}}'),
        ("quota.QuotaConfig", '{"role":"r","limits":{"a":{"value":1e20}}}',
         '{"role":"r","limits":{"a":{"value":100000000000000000000.0}}}'),
        ("FrameworkInfo", '{"user":"u","name":"n","roles":[["a",["b"]],null,"c"],"x":{"y":[1]}}',
         '{"user":"u","name":"n","failover_timeout":0.0,"checkpoint":false,"roles":["a","b","c"]}'),
        ("TimeInfo", '{"nanoseconds":1e3}', '{"nanoseconds":1000}'),
        ("TimeInfo", '{"nanoseconds":-5.9}', '{"nanoseconds":-5}'),
        ("TimeInfo", '{"nanoseconds":"0012"}', '{"nanoseconds":12}'),
        ("TimeInfo", '{"nanoseconds":9223372036854775807}', '{"nanoseconds":9223372036854775807}'),
        ("TimeInfo", '{"nanoseconds":9223372036854775808}', '{"nanoseconds":-9223372036854775808}'),
        ("master.Response.ReadFile", '{"size":18446744073709551615,"data":""}',
         '{"size":18446744073709551615,"data":""}'),
        ("master.Response.ReadFile", '{"size":-1,"data":" QQ = = "}',
         '{"size":18446744073709551615,"data":"QQ=="}'),
        ("AgentInfo", '{"hostname":"h","port":4294967296,"checkpoint":"true"}',
         '{"hostname":"h","port":0}'),
        ("master.Response.GetAgents", '{"agents":[{"agent_info":{"hostname":"h",'
         '"checkpoint":"true"},"active":true,"version":"1"}]}',
         '{"agents":[{"agent_info":{"hostname":"h","port":5051,"checkpoint":true},"active":true,'
         '"version":"1"}],"recovered_agents":[]}'),
        ("TaskStatus", '{"task_id":{"value":""},"state":"TASK_LOST","reason":"NEW"}',
         '{"task_id":{"value":""},"state":"TASK_LOST"}'),
    ],
)  # fmt: skip
def test_mesos_accepts_more_than_it_writes(name: str, text: str, written: str) -> None:
    assert encode(decode(text.encode(), f"mesos.v1.{name}")).decode() == written


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("master.Call", "1", "Expecting a JSON object"),
        ("AgentID", '{"value":null}', "Missing required fields: value"),
        ("AgentID", '{"value":true}', "Not expecting a JSON boolean for field 'value'"),
        ("AgentInfo", '{"port":{},"hostname":1}',
         "Not expecting a JSON number for field 'hostname'"),
        ("AgentInfo", '{"port":{},"id":[]}', "Not expecting a JSON array for field 'id'"),
        ("AgentInfo", '{"checkpoint":"yes"}',
         "Failed to parse 'yes' as a JSON boolean for field 'checkpoint': "
         "syntax error at line 1 near: yes"),
        ("AgentInfo", '{"checkpoint":"1"}',
         "Failed to parse '1' as a JSON boolean for field 'checkpoint': "
         "Unexpected JSON type parsed"),
        ("TimeInfo", '{"nanoseconds":"true"}',
         "Failed to parse 'true' as a JSON number for field 'nanoseconds': "
         "Unexpected JSON type parsed"),
        ("TimeInfo", '{"nanoseconds":"1e999"}',
         "Failed to parse '1e999' as a JSON number for field 'nanoseconds': Value out of range"),
        ("TimeInfo", '{"nanoseconds":"Infinity"}',
         "Failed to parse 'Infinity' as a JSON number for field 'nanoseconds': "
         "syntax error at line 1 near: Infinity"),
        ("TaskStatus", '{"state":"RUNNING"}', "Failed to find enum for 'RUNNING'"),
        ("TaskStatus", '{"uuid":"\u00e9"}',
         "Failed to base64 decode bytes field 'uuid': Invalid character '\udcc3'"),
        ("quota.QuotaConfig", '{"limits":{"b":{},"a":{"x":1}}}',
         "Missing required fields: role, limits[0].value.value, limits[1].value.value"),
        ("quota.QuotaConfig", '{"limits":7}', "Not expecting a JSON number for field 'limits'"),
        ("executor.Call", "{}", "Missing required fields: executor_id, framework_id"),
    ],
)  # fmt: skip
def test_json_that_mesos_refuses_is_an_error(name: str, text: str, error: str) -> None:
    with pytest.raises(ConversionError) as refused:
        decode(text.encode(), f"mesos.v1.{name}")
    assert str(refused.value) == error


def test_text_that_is_not_json_is_another_error() -> None:
    with pytest.raises(JSONTextError, match=r"^syntax error at line 1 near: \}$"):
        decode(b'{"type":}', "mesos.v1.master.Call")


def test_the_last_member_of_a_oneof_in_the_alphabet_remains() -> None:
    name = "mesos.v1.scheduler.AttributeConstraint.Predicate"
    text = b'{"text_equals":{"value":"x"},"exists":{},"not_exists":{}}'
    assert encode(decode(text, name)) == b'{"text_equals":{"value":"x"}}'


def test_a_parsed_value_is_converted_too() -> None:
    assert message_from_json_value({"value": "a"}, "mesos.v1.AgentID") == message_class(
        "mesos.v1.AgentID"
    )(value="a")


def test_a_message_is_decoded_from_both_encodings() -> None:
    name = "mesos.v1.AgentID"
    expected = message_class(name)(value="a")
    assert decode_message(b'{"value":"a"}', name, "json") == expected
    assert decode_message(b"\x0a\x01a", name, "protobuf") == expected


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"", "^Missing required fields: value$"), (b"\x0a\x02a", "^Error parsing message")],
)
def test_protobuf_that_mesos_refuses_is_an_error(data: bytes, error: str) -> None:
    with pytest.raises(WireFormatError, match=error):
        decode_message(data, "mesos.v1.AgentID", "protobuf")


def test_protobuf_may_lack_required_fields_where_that_is_allowed() -> None:
    assert decode_protobuf(b"", "mesos.v1.AgentID") == message_class("mesos.v1.AgentID")()


@pytest.mark.parametrize(
    ("name", "text", "wire"),
    [
        ("AgentID", b'{"value":"a\xff\xe9"}', b"\x0a\x03a\xff\xe9"),
        ("Labels", b'{"labels":[{"key":"\xed\xa0\x80"}]}', b"\x0a\x05\x0a\x03\xed\xa0\x80"),
        ("CommandInfo", b'{"shell":true,"arguments":["a","\xff"]}', b"0\x01:\x01a:\x01\xff"),
        ("AgentID", b'{"value":"' + b"\xff" * 200 + b'"}', b"\x0a\xc8\x01" + b"\xff" * 200),
    ],
)
def test_a_string_that_is_not_utf8_survives(name: str, text: bytes, wire: bytes) -> None:
    message = decode(text, f"mesos.v1.{name}")
    assert message.SerializeToString() == wire
    assert encode(message) == text
    assert encode(message_class(f"mesos.v1.{name}").FromString(wire)) == text


def test_a_key_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ConversionError, match="'limits' has a key or a value that is no UTF-8"):
        decode(b'{"role":"r","limits":{"\xff":{"value":1}}}', "mesos.v1.quota.QuotaConfig")


def test_not_a_number_is_written_but_not_read() -> None:
    text = encode(message_class("mesos.v1.Value.Scalar")(value=math.nan))
    with pytest.raises(JSONTextError):
        decode(text, "mesos.v1.Value.Scalar")


# Every call, event and response of the schema, with all fields and with the required ones only.

EVERY_TYPE = [(name, type_name) for name in names() for type_name in types(name)]


@pytest.mark.parametrize("everything", [True, False], ids=["all", "required"])
@pytest.mark.parametrize(("name", "type_name"), EVERY_TYPE, ids=lambda part: part)
def test_every_message_survives_both_encodings(name: str, type_name: str, everything: bool) -> None:
    for message in filled(name, type_name, everything=everything):
        assert type_enum_name(message) == type_name
        text = encode(message)
        assert json.loads(text)["type"] == type_name
        assert decode(text, name) == as_in_json(message)
        assert decode(encode(message, include_defaults=False), name) == message
        wire = message.SerializeToString()
        assert message_class(name).FromString(wire) == message
        assert encode(message_class(name).FromString(wire)) == text
