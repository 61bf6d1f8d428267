"""Messages from protobuf to JSON and back, beside `json_format` of the protobuf library.

The JSON of `json_format` is not that of Mesos, but it is as long.
"""

from collections.abc import Callable, Generator

import messages
from google.protobuf import json_format
from messages import EVENT_MESSAGE, PROTOBUF, RESPONSE_MESSAGE
from processes import own_cpu_seconds
from table import MB_PER_SECOND, AtLeast, Pair, Row, Sample, Scope

from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import message_class

STATE_BYTES = 100_000


def rates(
    scope: Scope, text: bytes, ours: Callable[[], object], peer: Callable[[], object]
) -> Generator[Sample]:
    """Yield megabytes of JSON in a second of CPU."""
    times = scope.size(10_000_000, 500_000) // len(text)

    def rate(convert: Callable[[], object], times: int) -> float:
        def all_times() -> None:
            for _ in range(times):
                convert()

        return times * len(text) / own_cpu_seconds(all_times) / 1e6

    while True:
        yield Pair(rate(ours, times), rate(peer, max(1, times // 5)))


def to_json(scope: Scope, text: bytes, message: str) -> Generator[Sample]:
    data = messages.in_encoding(text, message, PROTOBUF)
    of_class = message_class(message)
    return rates(
        scope,
        text,
        lambda: mapping.message_to_text(data, message),
        lambda: json_format.MessageToJson(of_class.FromString(data), indent=None),
    )


def from_json(scope: Scope, text: bytes, message: str) -> Generator[Sample]:
    of_class = message_class(message)
    return rates(
        scope,
        text,
        lambda: mapping.text_to_message_bytes(text, message),
        lambda: json_format.Parse(text, of_class()).SerializeToString(),
    )


def event_to_json(scope: Scope) -> Generator[Sample]:
    return to_json(scope, messages.EVENT, EVENT_MESSAGE)


def event_from_json(scope: Scope) -> Generator[Sample]:
    return from_json(scope, messages.EVENT, EVENT_MESSAGE)


def state_to_json(scope: Scope) -> Generator[Sample]:
    return to_json(scope, messages.tasks(STATE_BYTES), RESPONSE_MESSAGE)


def state_from_json(scope: Scope) -> Generator[Sample]:
    return from_json(scope, messages.tasks(STATE_BYTES), RESPONSE_MESSAGE)


ROWS = [
    Row("an event to JSON", event_to_json, MB_PER_SECOND, AtLeast(8), "json_format"),
    Row("an event from JSON", event_from_json, MB_PER_SECOND, AtLeast(8), "json_format"),
    Row("100 KB to JSON", state_to_json, MB_PER_SECOND, AtLeast(8), "json_format"),
    Row("100 KB from JSON", state_from_json, MB_PER_SECOND, AtLeast(8), "json_format"),
]
