"""The view "Mesos RecordIO": records in order, and malformed bytes where they are."""

from collections.abc import Sequence

import yaml
from hypothesis import given
from hypothesis import strategies as some
from support.mitmproxy_flows import PROTOBUF, flow, of_request, of_response, protobuf

from mesotape.addons.views import display, stream_view
from mesotape.addons.views.body_type import BodyType
from mesotape.addons.views.kept_body import KeptRange, TailBuffer
from mesotape.addons.views.stream_view import StreamView, render_stream
from mesotape.proto.recordio import encode

SUBSCRIBE = b'{"type":"SUBSCRIBE"}'
HEARTBEAT = b'{"type":"HEARTBEAT"}'
SUBSCRIBED = b'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":15.0}}'
EVENT = "mesos.v1.master.Event"
JSON_EVENTS = BodyType(EVENT, "json", is_stream=True)

VIEW = StreamView(lambda: "master")

SHOWN = """\
# mesos.v1.master.Event, JSON, still running
# 1 SUBSCRIBED, 1 HEARTBEAT
# MALFORMED: record 2, byte 75: length is b'12x', expected decimal digits and a newline
# the newest: 3 HEARTBEAT, 2 MALFORMED, 1 SUBSCRIBED
~
--- # record 1, SUBSCRIBED: byte 0, 73 bytes
{
  "type": "SUBSCRIBED",
  "subscribed": {
    "heartbeat_interval_seconds": 15.0
  }
}
~
--- # record 2, MALFORMED: byte 73, 4 bytes
MALFORMED: "byte 75: length is b'12x', expected decimal digits and a newline"
text: "12x\\n"
~
--- # record 3, HEARTBEAT: byte 77, 23 bytes
{
  "type": "HEARTBEAT"
}
~
# record 4: byte 100, 10 bytes so far""".replace("~", " ")


def text_of(data: bytes, *, running: bool = False) -> str:
    return render_stream(data, JSON_EVENTS, KeptRange(0, len(data)), running=running)


def documents(text: str) -> Sequence[object]:
    return list(yaml.safe_load_all(text))


def test_records_and_malformed_bytes_are_shown_in_order() -> None:
    data = encode(SUBSCRIBED) + b"12x\n" + encode(HEARTBEAT) + encode(HEARTBEAT)[:10]
    assert VIEW.prettify(data, of_response(flow(SUBSCRIBE))) == SHOWN


def test_the_text_is_yaml() -> None:
    data = encode(SUBSCRIBED) + b"12x\n" + encode(b'{"type":"TASK_ADDED"}') + encode(HEARTBEAT)
    subscribed, skipped, wrong, heartbeat = documents(text_of(data))
    assert subscribed == {"type": "SUBSCRIBED", "subscribed": {"heartbeat_interval_seconds": 15.0}}
    assert isinstance(skipped, dict)
    assert skipped["text"] == "12x\n"
    assert heartbeat == {"type": "HEARTBEAT"}
    assert wrong == {"type": "TASK_ADDED"}


def test_protobuf_is_shown_as_json() -> None:
    call = protobuf(SUBSCRIBE, "mesos.v1.master.Call")
    data = encode(protobuf(SUBSCRIBED, EVENT)) + encode(protobuf(HEARTBEAT, EVENT))
    text = VIEW.prettify(data, of_response(flow(call, kind=PROTOBUF)))
    assert text.startswith("# mesos.v1.master.Event, protobuf, still running\n# 1 SUBSCRIBED, 1 ")
    assert documents(text)[1] == {"type": "HEARTBEAT"}


def test_a_malformed_message_is_marked_and_shown() -> None:
    text = text_of(encode(b'{"type":"AGENT_REMOVED","agent_removed":{"agent_id":{}}}'))
    assert "MALFORMED: record 1" in text
    assert "Missing required fields: agent_removed.agent_id.value" in text
    assert documents(text)[0]["record"]["type"] == "AGENT_REMOVED"


def test_binary_bytes_are_shown_in_hex() -> None:
    text = text_of(encode(HEARTBEAT) + b"\xff\xfe\n")
    assert "hex: |\n  00000000  ff fe 0a " in text


def test_only_a_stream_that_has_ended_has_a_truncated_record() -> None:
    data = encode(HEARTBEAT) + encode(HEARTBEAT)[:10]
    assert text_of(data, running=True).endswith("# record 2: byte 23, 10 bytes so far")
    assert 'MALFORMED: "byte 33: the stream ends after 7 of 20 bytes' in text_of(data)


def test_a_stream_without_a_record_is_marked() -> None:
    assert "# no record yet" in text_of(b"", running=True)


def test_a_tail_has_a_comment_about_the_bytes_before_it() -> None:
    tail = TailBuffer(50)
    for _ in range(9):
        tail.feed(encode(HEARTBEAT))
    data, part = tail.snapshot()
    made = flow(SUBSCRIBE)
    part.save_to_flow(made, "response")
    text = VIEW.prettify(data, of_response(made))
    assert "# bytes 0 to 160 are not shown, up to record 8\n" in text
    assert "--- # record 8, HEARTBEAT: byte 161, 23 bytes" in text


def test_a_tail_inside_a_record_is_shown_as_text() -> None:
    tail = TailBuffer(50)
    tail.feed(encode(HEARTBEAT) + encode(b'{"type":"SUBSCRIBED","x":"' + b"x" * 900 + b'"}'))
    data, part = tail.snapshot()
    text = render_stream(data, JSON_EVENTS, part, running=True)
    assert "are not shown; this is inside record 2\n---\ntext: " in text
    assert "MALFORMED" not in text


def test_a_tail_after_a_malformed_length_goes_on_at_the_next_record() -> None:
    tail = TailBuffer(50)
    tail.feed(encode(HEARTBEAT) + b"12x\n" + encode(HEARTBEAT) * 9)
    data, part = tail.snapshot()
    text = render_stream(data, JSON_EVENTS, part, running=True)
    assert "the bytes after a malformed length; records are counted from here" in text
    assert "# 2 HEARTBEAT" in text


def test_input_and_output_of_a_process_are_readable() -> None:
    subject = BodyType("mesos.v1.agent.ProcessIO", "json", is_stream=True)
    output = b'{"type":"DATA","data":{"type":"STDOUT","data":"aGVsbG8K"}}'
    data = encode(output)
    assert '\n# STDOUT "hello\\n"\n{' in render_stream(
        data, subject, KeptRange(0, len(data)), running=True
    )
    typed = b'{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO",'
    typed += b'"process_io":{"type":"DATA","data":{"type":"STDIN","data":"bHMK"}}}}'
    made = flow(encode(typed), kind="application/recordio", path="/slave(1)/api/v1")
    made.request.headers["Message-Content-Type"] = "application/json"
    assert VIEW.render_priority(encode(typed), of_request(made)) > 1
    assert '\n# STDIN "ls\\n"\n{' in VIEW.prettify(encode(typed), of_request(made))


def test_the_newest_record_may_come_first() -> None:
    view = StreamView(lambda: "master", lambda: True)
    data = encode(SUBSCRIBED) + encode(HEARTBEAT)
    shown = documents(view.prettify(data, of_response(flow(SUBSCRIBE))))
    assert shown[0] == {"type": "HEARTBEAT"}


def test_a_text_is_bounded() -> None:
    large = b'{"type":"HEARTBEAT","x":[' + b"1," * 100_000 + b"1]}"
    for record in (HEARTBEAT, large, b"x" * 3_000_000):
        data = encode(record) * (4_000_000 // len(record))
        text = text_of(data)
        assert len(text) < 2 * display.MAX_TEXT_CHARACTERS
        assert "not shown" in text


def test_the_end_of_a_large_body_is_counted_from_its_start() -> None:
    count = 2 * stream_view.MAX_EXAMINED_BYTES // 23
    assert f"--- # record {count}, HEARTBEAT: byte {23 * (count - 1)}," in text_of(
        encode(HEARTBEAT) * count
    )


def test_it_is_selected_for_streams_only() -> None:
    call = b'{"type":"GET_HEALTH"}'
    assert VIEW.render_priority(b"", of_response(flow(SUBSCRIBE))) > 1
    assert VIEW.render_priority(b"", of_request(flow(SUBSCRIBE))) < 0
    assert VIEW.render_priority(b"{}", of_response(flow(call, b"{}"))) < 0
    assert VIEW.render_priority(b"no", of_response(flow(SUBSCRIBE, b"no", status=503))) < 0


def test_selected_by_hand_it_shows_unknown_messages() -> None:
    text = VIEW.prettify(encode(HEARTBEAT), of_response(flow(b"", b"", path="/other")))
    assert "# unknown messages" in text
    assert documents(text)[0] == {"type": "HEARTBEAT"}


@given(some.binary(max_size=300), some.sampled_from(["json", "protobuf"]), some.booleans())
def test_any_bytes_are_shown(data: bytes, encoding: str, running: bool) -> None:
    subject = BodyType(EVENT, "json" if encoding == "json" else "protobuf", is_stream=True)
    render_stream(encode(HEARTBEAT) + data, subject, KeptRange(0, 23 + len(data)), running=running)
