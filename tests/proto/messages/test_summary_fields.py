import pytest

from mesotape.proto.messages import mapping
from mesotape.proto.messages.msgspec_types import msgspec_decoder
from mesotape.proto.messages.summary_fields import collect_summary_fields

STATUS = '{"task_id":{"value":"t-1"},"state":"TASK_RUNNING","agent_id":{"value":"S1"}}'
OFFER = '{"id":{"value":"o"},"framework_id":{"value":"f"},"agent_id":{"value":"a"},"hostname":"h"}'


@pytest.mark.parametrize(
    ("name", "type_name", "text", "expected"),
    [
        (
            "scheduler.Event",
            "UPDATE",
            f'{{"type":"UPDATE","update":{{"status":{STATUS}}}}}',
            {"task": "t-1", "state": "TASK_RUNNING", "agent": "S1"},
        ),
        (
            "scheduler.Event",
            "OFFERS",
            f'{{"type":"OFFERS","offers":{{"offers":[{OFFER},{OFFER},{OFFER}]}}}}',
            {"offers": "3"},
        ),
        ("agent.ProcessIO", "DATA", '{"type":"DATA","data":{"type":"STDOUT"}}', {"type": "STDOUT"}),
        ("scheduler.Event", "HEARTBEAT", '{"type":"HEARTBEAT"}', {}),
    ],
)
def test_a_message_and_its_struct_have_the_same_summary(
    name: str, type_name: str, text: str, expected: dict[str, str]
) -> None:
    full_name = f"mesos.v1.{name}"
    message = mapping.decode(text.encode(), full_name)
    struct = msgspec_decoder(full_name).decode(text)
    for value in (message, struct):
        summary = collect_summary_fields(value, full_name, type_name)
        assert list(summary.items()) == list(expected.items())


def test_a_value_that_is_not_a_message_has_no_summary() -> None:
    assert collect_summary_fields({"type": "OFFERS"}, "mesos.v1.scheduler.Event", "OFFERS") == {}
    assert collect_summary_fields(None, "mesos.v1.scheduler.Event", "OFFERS") == {}
