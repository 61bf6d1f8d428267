import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.format.bodies import SHOWN_INDENTED, BodyError, digest, shown, wire
from mesotape.cassettes.format.documents import Body
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
def test_any_bytes_come_back(data: bytes, kind: str) -> None:
    assert wire(Body(**shown(data, kind, EVENT)), EVENT) == data


@given(JSON, st.sampled_from([-1, 0, 1, 2, 4]))
def test_json_of_any_layout_comes_back(value: object, indent: int) -> None:
    text = msgspec.json.encode(str(value) if isinstance(value, int) else [str(value)])
    data = msgspec.json.format(text, indent=indent)
    assert wire(Body(**shown(data, "json"))) == data


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b'{"a":[1,2.50,1e21],"b":"x y"}', "json"),
        (b'"text"', "json"),
        (b"-0", "json"),
        (b'{"a": 1}', "text"),
        (b'{"a":1}\n', "text"),
        (b" 1", "text"),
        (b'"\\u0041\\/"', "json"),
        (b'{"ratio":NaN}', "text"),
        (b'{"a":1', "text"),
        (b'"\xff"', "base64"),
        (b'{"a": "\xff"}', "base64"),
        (b"[" * 5000 + b"]" * 5000, "text"),
    ],
)
def test_json_is_shown_only_if_undoing_the_layout_gives_the_bytes(data: bytes, form: str) -> None:
    body = shown(data, "json")
    assert form in body
    assert wire(Body(**body)) == data


def test_json_is_indented_for_reading() -> None:
    assert shown(b'{"a":[1]}', "json") == {"json": '{\n  "a": [\n    1\n  ]\n}'}


def test_long_json_stays_on_one_line() -> None:
    data = b'{"a":"' + b"x" * SHOWN_INDENTED + b'"}'
    assert shown(data, "json") == {"json": data.decode()}


def test_long_json_with_white_space_is_text() -> None:
    data = b'{"a": "' + b"x" * SHOWN_INDENTED + b'"}'
    assert shown(data, "json") == {"text": data.decode()}


@pytest.mark.parametrize("kind", ["json", "proto", "other"])
def test_an_empty_body_has_no_key(kind: str) -> None:
    assert shown(b"", kind, EVENT) == {}
    assert wire(Body(), EVENT) == b""


def test_other_bodies_are_text_or_base64() -> None:
    assert shown("Grüße".encode()) == {"text": "Grüße"}
    assert shown(b"\xff\x00") == {"base64": b"\xff\x00"}
    assert shown(b"{}") == {"text": "{}"}


def test_protobuf_is_shown_as_json() -> None:
    data = encoded('{"type":"HEARTBEAT"}')
    assert shown(data, "proto", EVENT) == {"proto": '{\n  "type": "HEARTBEAT"\n}'}
    assert shown(data, "proto", None) == {"text": data.decode()}


def test_fields_that_are_not_set_are_not_shown() -> None:
    text = '{"type":"DECLINE","decline":{"offer_ids":[],"filters":{}}}'
    body = shown(encoded(text, CALL), "proto", CALL)
    assert "wire" not in body
    assert msgspec.json.decode(body["proto"])["decline"] == {"filters": {}}
    assert wire(Body(**body), CALL) == encoded(text, CALL)


def test_what_json_cannot_tell_is_kept_as_wire_bytes() -> None:
    data = encoded('{"type":"HEARTBEAT"}') + b"\xf8\x3f\x01"
    body = shown(data, "proto", EVENT)
    assert body["wire"] == data
    assert wire(Body(**body), EVENT) == data
    assert wire(Body(**body)) == data


def test_edited_text_wins_over_wire_bytes() -> None:
    data = encoded('{"type":"HEARTBEAT"}') + b"\xf8\x3f\x01"
    body = shown(data, "proto", EVENT)
    body["proto"] = '{"type":"SUBSCRIBED"}'
    assert wire(Body(**body), EVENT) == encoded('{"type":"SUBSCRIBED"}')


def test_indenting_is_no_edit() -> None:
    data = encoded('{"type":"HEARTBEAT"}') + b"\xf8\x3f\x01"
    body = shown(data, "proto", EVENT)
    body["proto"] = '{\n      "type":   "HEARTBEAT" }'
    assert wire(Body(**body), EVENT) == data
    assert digest('{"a":1}') == digest('{ "a": 1 }')


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b'{"a":1', "json", "not JSON: Input data was truncated"),
        (b'"\xff"', "json", "not UTF-8: invalid start byte (byte 1)"),
        (b"\xff", "proto", "not a mesos.v1.master.Event: Error parsing message"),
    ],
)
def test_what_should_decode_and_does_not_says_why(data: bytes, kind: str, reason: str) -> None:
    body = shown(data, kind, EVENT)
    assert body["malformed"].startswith(reason)
    assert wire(Body(**body), EVENT) == data


def test_a_message_without_a_required_field_is_malformed() -> None:
    body = shown(b"\x18\x01", "proto", "mesos.v1.executor.Call")
    assert body["base64"] == b"\x18\x01"
    assert "executor_id" in body["malformed"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (Body(json="{"), "json: not JSON: Input data was truncated"),
        (Body(proto="{"), "proto: not JSON: Input data was truncated"),
        (Body(proto="[]"), "proto: not a mesos.v1.master.Event: "),
        (
            Body(proto="{}", wire=b"x"),
            "wire: found no wire_of, which says what text the bytes belong to",
        ),
    ],
)
def test_errors(body: Body, text: str) -> None:
    with pytest.raises(BodyError) as error:
        wire(body, EVENT)
    assert str(error.value).startswith(text)


def test_a_message_of_unknown_type_has_no_bytes() -> None:
    with pytest.raises(BodyError, match="the message type of this body is not known"):
        wire(Body(proto="{}"))
