"""Two captured runs of mesos-execute, in JSON and in protobuf: each plays the other's cassette."""

import http.client
from collections.abc import Iterator

import pytest
from google.protobuf.message import Message
from support.capture_to_cassette import taped
from support.captures import Capture, Exchange, expected, load

from mesotape import Instant, Options, Player
from mesotape.proto.messages.fields import type_enum_name
from mesotape.proto.messages.ids import id_fields
from mesotape.proto.messages.mapping import decode_message, encode

CAPTURES = {"json": "scheduler-json-execute", "protobuf": "scheduler-protobuf-execute"}
STREAM, CALLS = 1, 2
"""The connections of one run in a capture."""

LAUNCH = "ACCEPT:accept.operations[].launch.task_infos[]"
IGNORED = (f"{LAUNCH}.name", f"{LAUNCH}.command.environment")
"""What differs in the command lines of the two runs, besides ids."""

ACTED_ON = ("OFFERS", "UPDATE")
"""The events upon which mesos-execute makes a call: ACCEPT, and ACKNOWLEDGE."""

EVENTS = ["SUBSCRIBED", "HEARTBEAT", "OFFERS", "UPDATE", "UPDATE", "UPDATE"]

TIMEOUT_SECONDS = 20


class Run:
    """A captured run, repeated: its calls in its encoding, with the ids of the events it gets."""

    def __init__(self, encoding: str, exchanges: list[Exchange]) -> None:
        self._encoding = encoding
        (self._subscription,) = (each for each in exchanges if each.connection == STREAM)
        self._calls = [
            each for each in exchanges if each.connection == CALLS and each.response is not None
        ]
        assert self._subscription.response is not None
        self._captured = [self._event(record) for record in self._subscription.response.records]
        self._ids: dict[tuple[str, str | bytes], str | bytes] = {}
        self._stream_id = ""

    def play(self, host: str, port: int) -> tuple[list[int], list[Message]]:
        """Make the calls when their events have come; return the statuses and all events."""
        stream = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        calls = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        try:
            answer = self._send(stream, self._subscription, self._subscription.request.raw_body)
            assert answer.status == 200, answer.read()
            assert answer.headers["Content-Type"].endswith(self._encoding)
            self._stream_id = answer.headers["Mesos-Stream-Id"]
            events, statuses, pending = [], [], list(self._calls)
            for event, captured in zip(self._events(answer), self._captured, strict=True):
                events.append(event)
                self._learn(captured, event)
                if type_enum_name(captured) in ACTED_ON and pending:
                    each = pending.pop(0)
                    response = self._send(calls, each, self._translated(each))
                    statuses.append(response.status)
                    assert response.read() == b""
                if len(events) == len(self._captured):
                    break
            assert pending == []
            return statuses, events
        finally:
            stream.close()
            calls.close()

    def _send(
        self, connection: http.client.HTTPConnection, each: Exchange, body: bytes
    ) -> http.client.HTTPResponse:
        headers = dict(each.request.headers) | {"Content-Length": str(len(body))}
        if "Mesos-Stream-Id" in headers:
            headers["Mesos-Stream-Id"] = self._stream_id
        connection.request(each.request.method, each.request.target, body, headers)
        return connection.getresponse()

    def _events(self, answer: http.client.HTTPResponse) -> Iterator[Message]:
        while line := answer.readline():
            yield self._event(answer.read(int(line)))

    def _event(self, record: bytes) -> Message:
        return decode_message(record, "mesos.v1.scheduler.Event", self._encoding)

    def _learn(self, captured: Message, event: Message) -> None:
        pairs = zip(id_fields(captured), id_fields(event), strict=True)
        self._ids |= {(old.kind, old.value): new.value for old, new in pairs}

    def _translated(self, each: Exchange) -> bytes:
        body = each.request.raw_body
        call = decode_message(body, "mesos.v1.scheduler.Call", self._encoding)
        for field in id_fields(call):
            field.set_value(self._ids.get((field.kind, field.value), field.value))
        return encode(call) if self._encoding == "json" else call.SerializeToString()


def one_run(name: str) -> Capture:
    capture = load(name)
    lines = tuple(line for line in capture.lines if line.connection in (STREAM, CALLS))
    return Capture(name, lines)


@pytest.mark.parametrize(("client", "recorded"), [("json", "protobuf"), ("protobuf", "json")])
def test_each_run_of_mesos_execute_plays_the_cassette_of_the_other(client, recorded, tmp_path):
    path = taped(one_run(CAPTURES[recorded]), tmp_path / "cassette.yaml")
    options = Options(pace=Instant(), rebind=True, ignore=IGNORED)
    run = Run(client, expected(one_run(CAPTURES[client])))
    captured = expected(one_run(CAPTURES[recorded]))
    with Player(path, options, strict=False) as player:  # see never_answered
        host, _, port = player.url.removeprefix("http://").partition(":")
        statuses, events = run.play(host, int(port))
        assert statuses == [202] * 3
        assert [type_enum_name(event) for event in events] == EVENTS
        assert player.misses == []
        never_answered = [n for n, each in enumerate(captured, 1) if each.response is None]
        assert [each.exchange for each in player.unused] == never_answered
