"""Random bodies with secrets: none is left, and all else stays."""

import itertools
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.capture_to_cassette import write_observations
from support.hidden_secrets import (
    PLACES_IN_MESSAGES,
    PLACES_IN_TEXTS,
    HiddenSecrets,
    Json,
    hidden_secrets,
    to_json,
    to_message,
    values,
)
from support.planted_exchanges import PlantedExchanges
from support.planted_secrets import find_secrets

from mesotape.cassettes.format.documents import Event
from mesotape.cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import DEFAULT_RULES
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.judge import find_problems
from mesotape.proto.messages.wire_format import is_message

FEW = settings(max_examples=int(os.environ.get("MESOTAPE_EXAMPLES", "40")))

INDENT = st.sampled_from([None, 0, 2])


def secrets_in(hidden: HiddenSecrets, data: bytes) -> list[str]:
    return find_secrets({secret: secret for secret in hidden.secrets}, data)


@FEW
@given(hidden_secrets(), INDENT, st.booleans())
def test_json_has_no_secret_and_stays_json(
    hidden: HiddenSecrets, indent: int | None, is_ascii: bool
) -> None:
    source = to_json(hidden.value, indent, is_ascii=is_ascii)
    redacted = Redactor().redact(Event(event=1, of=1, at=0, json=source))
    assert redacted.json is not None
    assert secrets_in(hidden, redacted.json.encode()) == []
    assert shape(json.loads(redacted.json)) == shape(json.loads(source))
    assert Redactor(first_number=100).redact(redacted) is redacted


def shape(value: Json) -> object:
    """Return what redaction keeps: all but the texts, and the names of members."""
    match value:
        case dict():
            return {key: shape(inner) for key, inner in value.items()}
        case list():
            return [shape(inner) for inner in value]
        case str():
            return ""
        case _:
            return value


@FEW
@given(hidden_secrets(PLACES_IN_MESSAGES))
def test_protobuf_has_no_secret_and_stays_protobuf(hidden: HiddenSecrets) -> None:
    event = Event(event=1, of=1, at=0, base64=to_message(hidden.value))
    redacted = Redactor().redact(event)
    assert redacted.base64 is not None
    assert secrets_in(hidden, redacted.base64) == []
    assert is_message(redacted.base64)
    assert Redactor(first_number=100).redact(redacted) is redacted


@FEW
@given(hidden_secrets(PLACES_IN_TEXTS))
def test_a_text_has_no_secret(hidden: HiddenSecrets) -> None:
    lines = [line if isinstance(line, str) else json.dumps(line) for line in as_list(hidden.value)]
    source = "\n".join(lines)
    redacted = Redactor().redact(Event(event=1, of=1, at=0, text=source))
    assert secrets_in(hidden, (redacted.text or "").encode()) == []
    assert Redactor(first_number=100).redact(redacted) is redacted


def as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


@FEW
@given(values(), INDENT)
def test_what_has_no_secret_stays(value: Json, indent: int | None) -> None:
    redactor = Redactor()
    for event in (
        Event(event=1, of=1, at=0, json=to_json(value, indent, is_ascii=False)),
        Event(event=1, of=1, at=0, text=to_json(value, indent, is_ascii=True)),
        Event(event=1, of=1, at=0, base64=to_message(value)),
    ):
        assert redactor.redact(event) is event
    assert redactor.counts == {}


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@FEW
@given(data=st.data(), seed=st.integers(0, 10**6))
def test_a_cassette_of_any_chunks_loads_and_is_valid(data, encoding, seed) -> None:
    planting = PlantedExchanges(encoding, seed)
    # Some repeat the secrets of others, which may not be chosen.
    exchanges = [one for one in planting.exchanges() if not one.name.startswith("repeated")]
    numbers = st.integers(0, len(exchanges) - 1)
    chosen = [exchanges[n] for n in data.draw(st.lists(numbers, min_size=1, max_size=3))]

    def observe() -> Iterator[AnyObservation]:
        for number, one in enumerate(chosen, 1):
            yield RequestHead(
                number, number, 1, None, one.method, one.target, "HTTP/1.1", one.request_headers
            )
            for piece in pieces(one.request_body):
                yield BodyData(number, number, "client", piece)
            yield RequestEnd(number, number)
            yield ResponseHead(number, number, one.status, "OK", one.response_headers)
            for piece in pieces(b"".join(one.records) or one.response_body):
                yield BodyData(number, number, "server", piece)
            yield ExchangeEnd(number, number, "server")

    def pieces(body: bytes) -> list[bytes]:
        cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=6, unique=True).map(sorted))
        pairs = itertools.pairwise([0, *cuts, len(body)])
        return [body[begin:end] for begin, end in pairs if begin < end]

    with tempfile.TemporaryDirectory() as folder:
        server = data.draw(st.sampled_from(["master", "agent", None]))
        path = write_observations(observe(), Path(folder) / "c.yaml", server, DEFAULT_RULES)
        assert find_secrets(planting.source.secrets, path.read_bytes()) == []
        with Cassette.open(path) as cassette:
            assert [str(each) for each in find_problems(cassette)] == []
