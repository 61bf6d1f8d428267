import pytest

from mesotape.proto.messages import mapping
from mesotape.proto.messages.ids import id_fields, with_blank_ids

CALL = "mesos.v1.scheduler.Call"


def ids(text: str, name: str, scope: str = "") -> list[tuple[str, str, object]]:
    message = mapping.decode(text.encode(), name)
    return [(each.kind, each.scope, each.value) for each in id_fields(message, scope)]


def test_the_framework_of_a_message_is_the_scope_of_all_ids_in_it() -> None:
    acknowledge = '{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"AAE="}'
    text = f'{{"type":"ACKNOWLEDGE","framework_id":{{"value":"f"}},"acknowledge":{acknowledge}}}'
    assert ids(text, CALL) == [
        ("framework-id", "", "f"),
        ("uuid", "", b"\x00\x01"),
        ("agent-id", "", "a"),
        ("task-id", "f", "t"),
    ]


@pytest.mark.parametrize("scope", ["", "outer"])
def test_an_inner_framework_replaces_the_outer_one(scope: str) -> None:
    text = (
        '{"name":"n","task_id":{"value":"t"},"framework_id":{"value":"f"},'
        '"agent_id":{"value":"a"},"state":"TASK_LOST",'
        '"statuses":[{"task_id":{"value":"t"},"state":"TASK_LOST","executor_id":{"value":"e"}}]}'
    )
    scoped = [row for row in ids(text, "mesos.v1.Task", scope) if row[1]]
    assert scoped == [("task-id", "f", "t"), ("task-id", "f", "t"), ("executor-id", "f", "e")]


def test_without_a_framework_the_given_scope_counts() -> None:
    text = '{"task_id":{"value":"t"},"state":"TASK_LOST"}'
    assert ids(text, "mesos.v1.TaskStatus") == [("task-id", "", "t")]
    assert ids(text, "mesos.v1.TaskStatus", "f") == [("task-id", "f", "t")]


def test_the_parents_of_a_container_are_ids() -> None:
    text = '{"value":"c","parent":{"value":"b","parent":{"value":"a"}}}'
    assert [value for _, _, value in ids(text, "mesos.v1.ContainerID")] == ["c", "b", "a"]


def test_blank_ids_stay_set_and_the_given_message_is_unchanged() -> None:
    text = b'{"task_id":{"value":"t"},"state":"TASK_LOST","uuid":"AAE="}'
    message = mapping.decode(text, "mesos.v1.TaskStatus")
    (blank,) = with_blank_ids([message])
    assert mapping.encode(blank) == b'{"task_id":{"value":""},"state":"TASK_LOST","uuid":""}'
    assert mapping.encode(message) == text
