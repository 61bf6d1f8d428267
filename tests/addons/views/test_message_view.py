"""The view "Mesos": its text, which bodies it is selected for, and the bytes of an edited text."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as some
from mitmproxy import contentviews, http
from mitmproxy.utils import strutils
from support.mitmproxy_flows import JSON, PROTOBUF, flow, of_request, of_response, protobuf, taddons

from mesotape.addons.inspector import Inspector
from mesotape.addons.views import display
from mesotape.addons.views.kept_body import KeptRange
from mesotape.addons.views.message_view import EditError, MessageView

CALL = b'{"type":"GET_HEALTH"}'
HEALTHY = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}'
SUBSCRIBE = b'{"type":"SUBSCRIBE"}'

VIEW = MessageView(lambda: "master")
OF_AGENT = MessageView(lambda: "agent")

SHOWN_CALL = """\
# mesos.v1.master.Call, JSON
{
  "type": "GET_HEALTH"
}"""

SHOWN_ANSWER = """\
# mesos.v1.master.Response, protobuf
{
  "type": "GET_HEALTH",
  "get_health": {
    "healthy": true
  }
}"""


def test_json_is_indented_under_the_name_of_its_message() -> None:
    assert VIEW.prettify(CALL, of_request(flow(CALL))) == SHOWN_CALL


def test_protobuf_is_shown_as_json() -> None:
    call = protobuf(CALL, "mesos.v1.master.Call")
    answer = protobuf(HEALTHY, "mesos.v1.master.Response")
    assert VIEW.prettify(answer, of_response(flow(call, answer, PROTOBUF))) == SHOWN_ANSWER


def test_the_kind_of_server_determines_the_message() -> None:
    call = protobuf(b'{"type":"GET_AGENTS"}', "mesos.v1.master.Call")
    made = of_request(flow(call, kind=PROTOBUF))
    assert '"GET_AGENTS"' in VIEW.prettify(call, made)
    assert '"GET_CONTAINERS"' in OF_AGENT.prettify(call, made)


def test_the_path_of_an_agent_overrides_the_option() -> None:
    call = protobuf(b'{"type":"GET_CONTAINERS"}', "mesos.v1.agent.Call")
    made = of_request(flow(call, kind=PROTOBUF, path="/slave(1)/api/v1"))
    assert '"GET_CONTAINERS"' in VIEW.prettify(call, made)


def test_it_is_selected_for_calls_and_responses() -> None:
    made = flow(CALL, HEALTHY)
    assert VIEW.render_priority(CALL, of_request(made)) > 1
    assert VIEW.render_priority(HEALTHY, of_response(made)) > 1


def test_it_is_not_selected_for_other_bodies() -> None:
    assert VIEW.render_priority(b"{}", of_request(flow(b"{}", path="/state"))) < 0
    assert VIEW.render_priority(b"no", of_response(flow(CALL, b"no", status=400))) < 0
    assert VIEW.render_priority(b"", of_response(flow(CALL, b""))) < 0
    assert VIEW.render_priority(b"", of_response(flow(SUBSCRIBE))) < 0
    assert VIEW.render_priority(CALL, contentviews.Metadata()) < 0
    actors = flow(CALL)
    actors.request.headers["Libprocess-From"] = "slave(1)@10.0.0.1:5051"
    assert VIEW.render_priority(CALL, of_request(actors)) < 0


def test_a_body_that_is_no_message_is_marked() -> None:
    made = of_response(flow(CALL, b'{"type":'))
    text = VIEW.prettify(b'{"type":', made)
    assert 'MALFORMED: "not JSON: ' in text
    assert text.endswith('text: "{\\"type\\":"')
    made = of_response(flow(protobuf(CALL, "mesos.v1.master.Call"), b"\xff\x01", PROTOBUF))
    assert 'MALFORMED: "not a mesos.v1.master.Response: ' in VIEW.prettify(b"\xff\x01", made)
    assert "  00000000  ff 01 " in VIEW.prettify(b"\xff\x01", made)


def test_a_text_is_bounded() -> None:
    body = b'{"type":"GET_HEALTH","x":[' + b"1," * 1_000_000 + b"1]}"
    text = VIEW.prettify(body, of_response(flow(CALL, body)))
    assert len(text) < display.MAX_TEXT_CHARACTERS + 200
    assert text.splitlines()[-1].startswith(display.TRUNCATION_MARK)
    body = protobuf(CALL, "mesos.v1.master.Response") + bytes(display.MAX_PROTOBUF_BYTES)
    text = VIEW.prettify(
        body, of_response(flow(protobuf(CALL, "mesos.v1.master.Call"), body, PROTOBUF))
    )
    assert "at most 1048576 are decoded here" in text
    assert len(text) < 10_000


def test_a_body_that_is_not_complete_is_marked() -> None:
    made = flow(CALL, HEALTHY[:20])
    KeptRange(0, len(HEALTHY)).save_to_flow(made, "response")
    assert "# only the first 20 of 51 bytes were kept" in VIEW.prettify(
        HEALTHY[:20], of_response(made)
    )


@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_an_edited_message_is_encoded_as_before(kind: str) -> None:
    name = "mesos.v1.master.Response"
    as_wire = (lambda text: text) if kind == JSON else lambda text: protobuf(text, name)
    call = CALL if kind == JSON else protobuf(CALL, "mesos.v1.master.Call")
    made = of_response(flow(call, as_wire(HEALTHY), kind))
    text = VIEW.prettify(as_wire(HEALTHY), made)
    again = VIEW.reencode(text.replace("true", "false"), made)
    assert again == as_wire(HEALTHY.replace(b"true", b"false"))


def test_an_unchanged_text_gives_the_same_bytes() -> None:
    for answer in (b' {"type" : "GET_HEALTH"}\n', b'{"type":'):
        made = of_response(flow(CALL, answer))
        assert VIEW.reencode(VIEW.prettify(answer, made) + "\n", made) == answer
    unknown = protobuf(CALL, "mesos.v1.master.Call") + b"\xfa\x3f\x01x"
    made = of_request(flow(unknown, kind=PROTOBUF))
    assert VIEW.reencode(VIEW.prettify(unknown, made), made) == unknown


def test_control_characters_survive_editing() -> None:
    """Without an escape mitmproxy would show them as dots."""
    body = '{"type":"GET_HEALTH","x":"\x7f\x85"}'.encode()
    made = of_request(flow(body))
    shown = strutils.escape_control_characters(VIEW.prettify(body, made))
    edited = VIEW.reencode(shown.replace("GET_HEALTH", "GET_FLAGS"), made)
    assert edited == b'{"type":"GET_FLAGS","x":"\\u007f\\u0085"}'


def test_a_text_that_is_not_the_message_is_an_error() -> None:
    made = of_request(flow(CALL))
    with pytest.raises(EditError, match=r"not a mesos.v1.master.Call, JSON: JSON is malformed"):
        VIEW.reencode('{"type": GET_HEALTH}', made)
    made = of_request(flow(protobuf(CALL, "mesos.v1.master.Call"), kind=PROTOBUF))
    with pytest.raises(EditError, match=r"not a mesos.v1.master.Call, protobuf: Not expecting"):
        VIEW.reencode('{"type": 1}', made)
    with pytest.raises(EditError, match="does not show all of the message"):
        VIEW.reencode(f'{{"type":"GET_FLAGS"}}\n{display.TRUNCATION_MARK}9 of 99', made)


@given(some.binary(max_size=200), some.sampled_from([JSON, PROTOBUF]))
def test_any_bytes_are_shown(data: bytes, kind: str) -> None:
    VIEW.prettify(data, of_request(flow(data, kind=kind)))
    VIEW.prettify(data, contentviews.Metadata())


async def shown(made: http.HTTPFlow) -> contentviews.ContentviewResult:
    with taddons.context(Inspector()):
        return contentviews.prettify_message(made.response, made)


async def edited(made: http.HTTPFlow, old: str, new: str) -> bytes:
    """Edit a message as the console of mitmproxy does."""
    with taddons.context(Inspector()):
        result = contentviews.prettify_message(made.response, made)
        text = result.text.replace(old, new)
        return contentviews.reencode_message(text, made.response, made, "Mesos")


def test_mitmproxy_selects_it() -> None:
    made = flow(CALL, HEALTHY)
    result = asyncio.run(shown(made))
    assert (result.view_name, result.syntax_highlight) == ("Mesos", "yaml")


def test_mitmproxy_encodes_an_edited_text() -> None:
    name = "mesos.v1.master.Response"
    call = protobuf(CALL, "mesos.v1.master.Call")
    made = flow(call, protobuf(HEALTHY, name), PROTOBUF)
    written = asyncio.run(edited(made, "true", "false"))
    assert written == protobuf(HEALTHY.replace(b"true", b"false"), name)
