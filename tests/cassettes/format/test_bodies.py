import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.format.bodies import (
    BodyError,
    decode_body,
    encode_body,
    proto_text_digest,
)
from mesotape.cassettes.format.documents import Body
from mesotape.cassettes.format.json_spacing import MAX_INDENTED_BYTES
from mesotape.proto.messages import mapping

EVENT = "mesos.v1.master.Event"
CALL = "mesos.v1.scheduler.Call"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def encoded(text: str, name: str = EVENT) -> bytes:
    return mapping.decode(text.encode(), name).SerializeToString(deterministic=True)


@given(st.binary(), st.sampled_from(["json", "proto", "other"]))
def test_any_bytes_come_back(data: bytes, body_format: str) -> None:
    assert encode_body(Body(**decode_body(data, body_format, EVENT)), EVENT) == data


@given(JSON, st.sampled_from([-1, 0, 1, 2, 4]))
def test_json_of_any_layout_comes_back(value: object, indent: int) -> None:
    text = msgspec.json.encode(str(value) if isinstance(value, int) else [str(value)])
    data = msgspec.json.format(text, indent=indent)
    assert encode_body(Body(**decode_body(data, "json"))) == data


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b'{"a":[1,2.50,1e21],"b":"x y"}', "json"),
        (b'"text"', "json"),
        (b"-0", "json"),
        (b'{"a": 1}', "json"),
        (b'{"a":1}\n', "json"),
        (b'{"a" :1}', "text"),
        (b" 1", "text"),
        (b'"\\u0041\\/"', "json"),
        (b'{"ratio":NaN}', "text"),
        (b'{"a":1', "text"),
        (b'"\xff"', "base64"),
        (b'{"a": "\xff"}', "base64"),
        (b"[" * 100_000 + b"]" * 100_000, "text"),  # deeper than any Python recurses
    ],
)
def test_json_is_shown_only_if_undoing_the_layout_gives_the_bytes(data: bytes, form: str) -> None:
    body = decode_body(data, "json")
    assert form in body
    assert encode_body(Body(**body)) == data


def test_json_is_indented_for_reading() -> None:
    assert decode_body(b'{"a":[1]}', "json") == {"json": '{\n  "a": [\n    1\n  ]\n}'}


def test_long_json_stays_on_one_line() -> None:
    data = b'{"a":"' + b"x" * MAX_INDENTED_BYTES + b'"}'
    assert decode_body(data, "json") == {"json": data.decode()}


def test_long_json_with_white_space_is_text() -> None:
    data = b'{"a": "' + b"x" * MAX_INDENTED_BYTES + b'"}'
    assert decode_body(data, "json") == {"text": data.decode()}


@pytest.mark.parametrize("body_format", ["json", "proto", "other"])
def test_an_empty_body_has_no_key(body_format: str) -> None:
    assert decode_body(b"", body_format, EVENT) == {}
    assert encode_body(Body(), EVENT) == b""


def test_other_bodies_are_text_or_base64() -> None:
    assert decode_body("Grüße".encode()) == {"text": "Grüße"}
    assert decode_body(b"\xff\x00") == {"base64": b"\xff\x00"}
    assert decode_body(b"{}") == {"text": "{}"}


def test_protobuf_is_shown_as_json() -> None:
    data = encoded('{"type":"HEARTBEAT"}')
    assert decode_body(data, "proto", EVENT) == {"proto": '{\n  "type": "HEARTBEAT"\n}'}
    assert decode_body(data, "proto", None) == {"text": data.decode()}


def test_fields_that_are_not_set_are_not_shown() -> None:
    text = '{"type":"DECLINE","decline":{"offer_ids":[],"filters":{}}}'
    body = decode_body(encoded(text, CALL), "proto", CALL)
    assert "wire" not in body
    assert msgspec.json.decode(body["proto"])["decline"] == {"filters": {}}
    assert encode_body(Body(**body), CALL) == encoded(text, CALL)


def test_a_message_that_its_text_cannot_give_back_has_wire_bytes() -> None:
    data = encoded('{"type":"HEARTBEAT"}') + b"\xf8\x3f\x01"
    body = decode_body(data, "proto", EVENT)
    assert body["wire"] == data
    assert encode_body(Body(**body), EVENT) == data
    assert encode_body(Body(**body)) == data


def test_edited_text_wins_over_wire_bytes() -> None:
    data = encoded('{"type":"HEARTBEAT"}') + b"\xf8\x3f\x01"
    body = decode_body(data, "proto", EVENT)
    body["proto"] = '{"type":"SUBSCRIBED"}'
    assert encode_body(Body(**body), EVENT) == encoded('{"type":"SUBSCRIBED"}')


def test_a_change_of_the_indentation_is_not_an_edit() -> None:
    data = encoded('{"type":"HEARTBEAT"}') + b"\xf8\x3f\x01"
    body = decode_body(data, "proto", EVENT)
    body["proto"] = '{\n      "type":   "HEARTBEAT" }'
    assert encode_body(Body(**body), EVENT) == data
    assert proto_text_digest('{"a":1}') == proto_text_digest('{ "a": 1 }')


@pytest.mark.parametrize(
    ("data", "body_format", "reason"),
    [
        (b'{"a":1', "json", "not JSON: Input data was truncated"),
        (b"[" * 9999 + b"]" * 9999, "json", "not JSON: nested too deeply"),
        (b'"\xff"', "json", "not UTF-8: invalid start byte (byte 1)"),
        (b"\xff", "proto", "not a mesos.v1.master.Event: Error parsing message"),
    ],
)
def test_a_body_that_does_not_decode_has_the_reason(
    data: bytes, body_format: str, reason: str
) -> None:
    body = decode_body(data, body_format, EVENT)
    assert body["malformed"].startswith(reason)
    assert encode_body(Body(**body), EVENT) == data


def test_a_message_without_a_required_field_is_malformed() -> None:
    body = decode_body(b"\x18\x01", "proto", "mesos.v1.executor.Call")
    assert body["base64"] == b"\x18\x01"
    assert "executor_id" in body["malformed"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (Body(json="{"), "json: not JSON: Input data was truncated"),
        (Body(json="{", spacing="spaced"), "json: not JSON: Input data was truncated"),
        (Body(json="[" * 9999 + "]" * 9999), "json: not JSON: nested too deeply"),
        (Body(proto="{"), "proto: not JSON: Input data was truncated"),
        (Body(proto="[]"), "proto: not a mesos.v1.master.Event: "),
        (
            Body(proto='{"subscribed":{"heartbeat_interval_seconds":%s}}' % ("1" * 400)),
            "proto: not a mesos.v1.master.Event: Value out of range",
        ),
        (
            Body(proto="{}", wire=b"x"),
            "wire: expected a key wire_of, the digest of the text that it belongs to",
        ),
    ],
)
def test_errors(body: Body, text: str) -> None:
    with pytest.raises(BodyError) as error:
        encode_body(body, EVENT)
    assert str(error.value).startswith(text)


def test_a_message_of_unknown_type_has_no_bytes() -> None:
    with pytest.raises(BodyError, match="the message type of this body is not known"):
        encode_body(Body(proto="{}"))
