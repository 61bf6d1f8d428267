import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import DATA

from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.messages.json_writer import LISTS_WRITTEN_WHEN_EMPTY, encode, format_double
from mesotape.proto.messages.mapping import decode

VECTORS = json.loads((DATA / "mesos-vectors.json").read_text())

Label = message_class("mesos.v1.Label")
Scalar = message_class("mesos.v1.Value.Scalar")

# Mesos's last digit is not always the nearest; only the layout of the digits is compared.
OTHER_DIGITS = {
    "1516965410.3180426",
    "1661990783.5282832",
    "0.24916529906342822",
    "423.47920552683498",
    "2.7715077941825976e-163",
}


@pytest.mark.parametrize(
    ("value", "text"), [(float(case["in"]), case["out"]) for case in VECTORS["double_to_json"]]
)
def test_doubles_are_laid_out_as_mesos_does(value: float, text: str) -> None:
    if text in OTHER_DIGITS:
        assert float(format_double(value)) == float(text)
        assert format_double(value).partition("e")[2] == text.partition("e")[2]
    else:
        assert format_double(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0, "-0.0"),
        (1e-4, "0.0001"),
        (1.5e-6, "0.0000015"),
        (-1.5e-7, "-1.5e-7"),
        (-1e-5, "-0.00001"),
        (123456789012345680000.0, "123456789012345680000.0"),
        (-1e20, "-100000000000000000000.0"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (-math.inf, '"-Infinity"'),
    ],
)
def test_doubles_near_the_borders_of_the_layouts(value: float, text: str) -> None:
    assert format_double(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_reads_back_as_itself(value: float) -> None:
    text = format_double(value)
    assert float(text) == value
    assert "." in text or "e" in text
    assert not text.endswith(".")
    assert "+" not in text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (bytes.fromhex(case["in_hex"]), bytes.fromhex(case["out_hex"]))
        for case in VECTORS["string_to_json"]
    ],
)
def test_strings_are_escaped_as_mesos_does(raw: bytes, text: bytes) -> None:
    label = Label.FromString(bytes([0x0A, len(raw)]) + raw)
    assert encode(label) == b'{"key":' + text + b"}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("/ \x7f \u2028 é 😀", '"/ \x7f \u2028 é 😀"'),
        ('\\u001f \x1f "', '"\\\\u001f \\u001F \\""'),
    ],
)
def test_only_what_json_needs_is_escaped(value: str, text: str) -> None:
    assert encode(Label(key=value)).decode() == f'{{"key":{text}}}'


def test_members_are_in_the_order_of_declaration() -> None:
    reservation = message_class("mesos.v1.Resource.ReservationInfo")
    numbers = {field.name: field.number for field in reservation.DESCRIPTOR.fields}
    assert numbers == {"type": 4, "role": 3, "principal": 1, "labels": 2}
    message = reservation(principal="p", role="r", type=1)
    assert encode(message) == b'{"type":"STATIC","role":"r","principal":"p"}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Filters", '{"refuse_seconds":5.0}'),
        ("FrameworkInfo", '{"failover_timeout":0.0,"checkpoint":false}'),
        ("AgentInfo", '{"port":5051}'),
        ("MasterInfo", '{"port":5050}'),
        ("Resource", "{}"),
        ("CSIPluginInfo", '{"name":"default"}'),
        ("Environment.Variable", '{"type":"VALUE"}'),
        ("ContainerInfo.DockerInfo", '{"network":"HOST","privileged":false}'),
        ("AgentID", "{}"),
    ],
)
def test_unset_fields_with_a_default_are_written_unless_deprecated(name: str, text: str) -> None:
    assert encode(message_class(f"mesos.v1.{name}")()).decode() == text


def test_unset_defaults_can_be_left_out() -> None:
    text = b'{"user":"u","name":"n","checkpoint":false,"roles":["r"]}'
    framework = message_class("mesos.v1.FrameworkInfo")(
        user="u", name="n", checkpoint=False, roles=["r"]
    )
    assert encode(framework, include_defaults=False) == text
    assert encode(framework) == text.replace(b'"check', b'"failover_timeout":0.0,"check')


def test_set_fields_are_written_whatever_their_value() -> None:
    resource = message_class("mesos.v1.Resource")(name="", type=0, role="*")
    resource.scalar.SetInParent()
    assert encode(resource) == b'{"name":"","type":"SCALAR","scalar":{},"role":"*"}'


def test_integers_are_bare_and_whole() -> None:
    time = message_class("mesos.v1.TimeInfo")(nanoseconds=-(2**63))
    assert encode(time) == b'{"nanoseconds":-9223372036854775808}'
    file = message_class("mesos.v1.master.Response.ReadFile")(size=2**64 - 1, data=b"\xff\xfe")
    assert encode(file) == b'{"size":18446744073709551615,"data":"//4="}'


def test_not_a_number_is_a_bare_token_and_the_infinities_are_strings() -> None:
    assert encode(Scalar(value=math.nan)) == b'{"value":NaN}'
    assert encode(Scalar(value=math.inf)) == b'{"value":"Infinity"}'


def test_maps_are_objects_with_sorted_keys() -> None:
    quota = message_class("mesos.v1.quota.QuotaConfig")(role="r")
    for name, amount in (("mem", 2), ("cpus", 1)):
        quota.limits[name].value = amount
    assert encode(quota) == b'{"role":"r","limits":{"cpus":{"value":1.0},"mem":{"value":2.0}}}'


def test_unknown_fields_and_enum_numbers_are_left_out() -> None:
    call = message_class("mesos.v1.master.Call").FromString(b"\x08\xff\x01\xf8\x3f\x01")
    assert call.ByteSize() == 6
    assert encode(call) == b"{}"


def test_a_duration_of_protobuf_is_an_ordinary_message() -> None:
    duration = message_class("google.protobuf.Duration")(seconds=600)
    assert encode(duration) == b'{"seconds":600}'


def test_a_key_that_is_not_utf8_cannot_be_written() -> None:
    provisioning = message_class("mesos.v1.Volume.Source.CSIVolume.StaticProvisioning")
    number = provisioning.DESCRIPTOR.fields_by_name["volume_context"].number
    entry = b"\x0a\x01\xff\x12\x01v"
    message = provisioning.FromString(bytes([number << 3 | 2, len(entry)]) + entry)
    with pytest.raises(ValueError, match="utf-8"):
        encode(message)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("master.Response.GetTasks", '{"tasks":[],"unreachable_tasks":[],"completed_tasks":[]}'),
        ("master.Response.GetAgents", '{"agents":[],"recovered_agents":[]}'),
        ("agent.Response.GetMetrics", '{"metrics":[]}'),
        ("master.Response.GetOperations", "{}"),
        ("master.Response.ListFiles", "{}"),
    ],
)
def test_lists_that_servers_write_by_hand_are_written_when_empty(name: str, text: str) -> None:
    message = message_class(f"mesos.v1.{name}")()
    assert encode(message).decode() == text
    assert encode(message, include_defaults=False) == b"{}"


def test_every_list_that_is_written_when_empty_is_a_list_of_the_schema() -> None:
    for message, names in LISTS_WRITTEN_WHEN_EMPTY.items():
        fields = message_class(message).DESCRIPTOR.fields_by_name
        assert all(fields[name].is_repeated for name in names)


AGENT = '{"hostname":"h","port":5051,"id":{"value":"a"}<checkpoint>}'
LISTED = f'{{"agent_info":{AGENT},"active":true,"version":"1"}}'
GET_AGENTS = f'"get_agents":{{"agents":[{LISTED}],"recovered_agents":[{AGENT}]}}'


@pytest.mark.parametrize(
    ("name", "text", "is_written"),
    [
        ("master.Response", f'{{"type":"GET_AGENTS",{GET_AGENTS}}}', True),
        ("master.Response", f'{{"type":"GET_STATE","get_state":{{{GET_AGENTS}}}}}', True),
        (
            "master.Event",
            f'{{"type":"SUBSCRIBED","subscribed":{{"get_state":{{{GET_AGENTS}}}}}}}',
            True,
        ),
        ("master.Event", f'{{"type":"AGENT_ADDED","agent_added":{{"agent":{LISTED}}}}}', False),
        ("agent.Response", f'{{"type":"GET_AGENT","get_agent":{{"agent_info":{AGENT}}}}}', False),
    ],
)
def test_the_checkpoint_of_an_agent_is_written_where_mesos_writes_it(name, text, is_written):
    with_it, without = (text.replace("<checkpoint>", each) for each in (',"checkpoint":true', ""))
    message = decode(with_it.encode(), f"mesos.v1.{name}")
    assert encode(message).decode() == (with_it if is_written else without)
    assert decode(encode(message, include_defaults=False), f"mesos.v1.{name}") == message
