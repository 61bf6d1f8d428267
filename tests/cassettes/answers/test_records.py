import pytest

from mesotape.cassettes.answers.records import (
    announced_interval_seconds,
    is_heartbeat,
    is_heartbeat_message,
    record_type,
)
from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import message_class

EVENT, SCHEDULER_EVENT = "mesos.v1.master.Event", "mesos.v1.scheduler.Event"
OUTPUT, CALL = "mesos.v1.agent.ProcessIO", "mesos.v1.agent.Call"
HEARTBEATS = [
    (b'{"type":"HEARTBEAT"}', EVENT),
    (b'{"type":"HEARTBEAT"}', SCHEDULER_EVENT),
    (b'{"type":"CONTROL","control":{"type":"HEARTBEAT","heartbeat":{}}}', OUTPUT),
]
INPUT = (
    b'{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO",'
    b'"process_io":{"type":"CONTROL","control":{"type":"%b"}}}}'
)
OTHERS = [
    (b'{"type":"SUBSCRIBED"}', EVENT),
    (b'{"type":"ERROR","error":{"message":"HEARTBEAT"}}', SCHEDULER_EVENT),
    (b'{"type":"CONTROL","control":{"type":"TTY_INFO"}}', OUTPUT),
    (b'{"type":"DATA","data":{"type":"STDOUT","data":"SEVBUlRCRUFU"}}', OUTPUT),
]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [(*each, True) for each in HEARTBEATS] + [(*each, False) for each in OTHERS],
)
def test_a_heartbeat_is_known_in_either_encoding(text, name, expected):
    message = mapping.decode(text, name)
    assert is_heartbeat(text, name) == expected
    assert is_heartbeat(text, None) == expected
    assert is_heartbeat(message.SerializePartialToString(), name) == expected
    assert is_heartbeat_message(message) == expected


@pytest.mark.parametrize(("kind", "expected"), [(b"HEARTBEAT", True), (b"TTY_INFO", False)])
def test_a_heartbeat_in_the_input_of_a_container_is_known(kind, expected):
    assert is_heartbeat_message(mapping.decode(INPUT % kind, CALL)) == expected


@pytest.mark.parametrize("data", [b"", b"{", b'{"type":1}', b"\xff", b'{"HEARTBEAT":', b"[]"])
def test_a_record_that_does_not_decode_is_no_heartbeat_and_has_no_type(data):
    for name in (EVENT, None):
        assert not is_heartbeat(data, name)
        assert record_type(data, name) is None
        assert announced_interval_seconds(data, name) is None


def test_the_type_of_a_record_is_read_in_either_encoding():
    assert record_type(b'{"type": "TASK_ADDED", "task_added": {}}', None) == "TASK_ADDED"
    assert record_type(message_class(EVENT)(type=9).SerializeToString(), EVENT) == "HEARTBEAT"
    assert record_type(b"{}", EVENT) is None


@pytest.mark.parametrize("name", [EVENT, SCHEDULER_EVENT])
@pytest.mark.parametrize("number", ["15", "15.0", "1.5e1"])
@pytest.mark.parametrize("colon", [":", ": ", " :\n"])
def test_the_announced_interval_is_read_however_it_is_spaced(name, number, colon):
    text = f'{{"type":"SUBSCRIBED","subscribed":{{"heartbeat_interval_seconds"{colon}{number}}}}}'
    assert announced_interval_seconds(text.encode(), name) == 15.0


def test_the_announced_interval_is_read_from_protobuf():
    message = message_class(EVENT)(type=1, subscribed={"heartbeat_interval_seconds": 2.5})
    data = message.SerializePartialToString()
    assert announced_interval_seconds(data, EVENT) == 2.5
    assert announced_interval_seconds(data, None) is None
    assert announced_interval_seconds(b'{"type":"SUBSCRIBED","subscribed":{}}', EVENT) is None
    assert announced_interval_seconds(b'{"type":"SUBSCRIBED"}', EVENT) is None
