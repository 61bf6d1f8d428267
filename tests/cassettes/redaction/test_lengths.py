"""The lengths of a redacted body are those of its bytes."""

from base64 import b64encode
from pathlib import Path

import pytest
from support.capture_to_cassette import write_observations
from support.planted_exchanges import PlantedExchanges, observe

from mesotape.cassettes.format import bodies
from mesotape.cassettes.format.documents import Body, Event
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import DEFAULT_RULES
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.headers import header_value
from mesotape.proto.messages.descriptors import Encoding
from mesotape.proto.messages.wire_types import encoded_size


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("seed", range(3))
def test_content_lengths_and_chunks_are_those_of_the_bytes(
    tmp_path: Path, encoding: Encoding, seed: int
) -> None:
    exchanges = [
        one._replace(
            request_headers=[*one.request_headers, ("Content-Length", str(len(one.request_body)))]
        )
        for one in PlantedExchanges(encoding, seed).exchanges()
    ]
    path = tmp_path / "cassette.yaml"
    write_observations(observe(exchanges), path, "master", DEFAULT_RULES)
    lengths = 0
    with Cassette.open(path) as cassette:
        for one, exchange in zip(exchanges, cassette.exchanges(), strict=True):
            call = one.name.split()[0]
            sides = (exchange.request, call), (exchange.response, call.replace("Call", "Response"))
            for body, message in sides:
                length = header_value(body.headers, "content-length")
                if length is not None:
                    assert int(length) == size(body, message)
                    lengths += 1
    assert lengths > 5


@pytest.mark.parametrize("seed", range(3))
def test_the_last_chunk_of_a_message_changes_as_its_bytes(seed: int) -> None:
    source = PlantedExchanges("protobuf", seed)
    one = next(one for one in source.exchanges() if "SESSION" in one.name)
    for number, record in enumerate(one.records, 1):
        data = record.partition(b"\n")[2]
        fields = bodies.decode_body(data, "proto", PROCESS_IO)
        event = Event(event=number, of=1, at=1, chunks=[(5, 1.0), (len(data), 1.1)], **fields)
        redacted = Redactor().redact(event)
        assert redacted is not event
        assert redacted.chunks == [(5, 1.0), (size(redacted, PROCESS_IO), 1.1)]


PROCESS_IO = "mesos.v1.agent.ProcessIO"


def size(body: Body, message: str) -> int:
    return len(bodies.encode_body(body, message))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"type":"HEARTBEAT"}', 2),
        (b'{"type":"GET_HEALTH","get_health":{"healthy":true}}', 6),
        (b'{"type":"NO_SUCH_TYPE"}', None),
        (b'{"a":1}', None),
        (b"{", None),
        (b'{"type":"DATA","data":{"type":"STDOUT","data":"%b"}}' % b64encode(b"a" * 200), 210),
    ],
)
def test_the_size_of_a_message_is_known_from_its_text(text: bytes, expected: int | None) -> None:
    assert encoded_size(text) == expected
