"""The findings in a message are the same with and without the compiled module."""

import pytest

from mesotape.cassettes.format.documents import Event
from mesotape.cassettes.format.yaml_writer import format_document
from mesotape.cassettes.validation.content import StreamContent, event_findings
from mesotape.proto.messages import fast_conversion

STREAM = StreamContent("mesos.v1.scheduler.Event", "json")
IDS = '"id":{"value":"o"},"framework_id":{"value":"f"},"agent_id":{"value":"a"},"hostname":"h"'
OFFERS = '{"type":"OFFERS","offers":{"offers":[{IDS}]}}'
MESSAGES = (
    '{"type":"HEARTBEAT"}',
    '{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"f"}}}',
    OFFERS.replace("IDS", IDS),
    OFFERS.replace("IDS", IDS + ',"agentid":{"value":"a"}'),
    OFFERS.replace("IDS", IDS + ',"xyzzy":1'),
    '{"type":"SUBSCRIBED","subscribed":{"framework_id":{}}}',
    '{"type":"SUBSCRIBED","subscribed":{"framework_id":null}}',
    '{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":1}}}',
    '{"type":"HEARTBEET"}',
    '{"type":"FAILURE","failure":{"status":"1"}}',
    '{"type":"FAILURE","failure":{"status":1.5}}',
    '{"type":"FAILURE","failure":{"status":99999999999}}',
    '{"type":"HEARTBEAT","type":"ERROR"}',
    '{"type":null}',
    "{}",
    '{"failure":{"status":1}}',
    "[1]",
)


@pytest.mark.skipif(fast_conversion.native is None, reason="the compiled module was not built")
@pytest.mark.parametrize("text", MESSAGES)
def test_findings_do_not_depend_on_the_compiled_module(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = Event(event=1, of=1, at=0.0, json=text)
    found = event_findings(event, STREAM, 2, format_document(event))
    monkeypatch.setattr(fast_conversion, "native", None)
    assert event_findings(event, STREAM, 2, format_document(event)) == found


def test_a_misspelt_name_and_a_wrong_value_are_findings() -> None:
    codes = [
        [one.code for one in event_findings(event, STREAM, 2, format_document(event))]
        for event in (Event(event=1, of=1, at=0.0, json=text) for text in MESSAGES)
    ]
    assert codes[:3] == [[], [], []]
    assert codes[3] == ["unknown-field"]
    assert all(codes[6:9])
