"""JSON payloads that are no message; the place of a syntax error is parsed from msgspec's texts."""

import pytest

from mesotape.proto.diagnosis.json_content import examine

MASTER = "mesos.v1.master.Event"


@pytest.mark.parametrize(
    ("payload", "text", "start"),
    [
        (b"{", "Input data was truncated", None),
        (b'{"a":}', "invalid character, found b'}'", 5),
        (b'{"a" 1}', "expected ':', found b'1'", 5),
        (b'{"a":1,}', "trailing comma in object, found b'}'", 7),
        (b'{"a":1} x', "trailing characters", 9),
        (b'{"a":"\x01"}', "invalid character, found b'\\x01'", 6),
        (b"[" * 2000, "maximum recursion depth exceeded while deserializing an object", None),
    ],
)
def test_a_syntax_error_has_its_place(payload: bytes, text: str, start: int | None) -> None:
    (problem,) = examine(payload, MASTER).diagnostics
    assert (problem.reason, problem.text) == ("not-json", f"is not JSON: {text}")
    assert problem.start == (len(payload) if start is None else start)


def test_bytes_that_are_not_utf8_have_their_place() -> None:
    (problem,) = examine(b'{"type":"\xff"}', MASTER).diagnostics
    assert (problem.reason, problem.start, problem.stop) == ("not-utf8", 9, 10)


@pytest.mark.parametrize(
    ("payload", "reason", "text"),
    [
        (b"[1]", "not-message", "is JSON, but a list, expected an object"),
        (b"null", "not-message", "is JSON, but null, expected an object"),
        (b"{}", "no-type", "has no type"),
        (
            b'{"type":"RESCIND","rescind":{"offer_id":{"value":"o"}}}',
            "wrong-server",
            "is a mesos.v1.scheduler.Event (RESCIND), expected a mesos.v1.master.Event",
        ),
        (
            b'{"type":"TASK_ADDED","task_added":{}}',
            "missing-field",
            "is not a mesos.v1.master.Event: Missing required fields: task_added.task",
        ),
        (
            b'{"type":"TASK_ADDED","task_added":1}',
            "not-message",
            "is not a mesos.v1.master.Event: Not expecting a JSON number for field 'task_added'",
        ),
        (
            b'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":%b}}' % (b"1" * 400),
            "not-json",
            "is not JSON: Value out of range",
        ),
        (
            b'{"type":"LATER"}',
            "unknown-enum",
            "type is 'LATER', which is not in mesos.v1.master.Event.Type",
        ),
    ],
)
def test_a_payload_that_is_no_message_has_a_reason(payload: bytes, reason: str, text: str) -> None:
    (problem,) = examine(payload, MASTER).diagnostics
    assert (problem.reason, problem.text) == (reason, text)


def test_numbers_that_only_mesos_accepts_are_valid() -> None:
    content = examine(
        b'{"type":"SUBSCRIBED","subscribed":{"heartbeat_interval_seconds":015}}', MASTER
    )
    assert content.is_valid
    assert content.value.subscribed.heartbeat_interval_seconds == 15.0
