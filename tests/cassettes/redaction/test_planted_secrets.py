"""Secrets in every place of the traffic: none is in the cassette, in any encoding."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.capture_to_cassette import write_observations
from support.planted_exchanges import PlantedExchanges, observe
from support.planted_plain import PlantedExchange
from support.planted_secrets import find_secrets

from mesotape.cassettes.format.documents import Document
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import DEFAULT_RULES, NO_RULES
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http import content_codings
from mesotape.proto.http.headers import header_values
from mesotape.proto.messages.descriptors import Encoding

BOTH = pytest.mark.parametrize("encoding", ["json", "protobuf"])


def recorded(
    path: Path, exchanges: list[PlantedExchange], cut: int | None = None, *, redacted: bool = True
) -> bytes:
    rules = DEFAULT_RULES if redacted else NO_RULES
    return write_observations(observe(exchanges, cut), path, "master", rules).read_bytes()


@BOTH
def test_no_secret_is_in_the_cassette(tmp_path: Path, encoding: Encoding) -> None:
    planting = PlantedExchanges(encoding)
    exchanges = planting.exchanges()
    secrets = planting.source.secrets
    assert len(secrets) > 100
    plain = recorded(tmp_path / "plain.yaml", exchanges, redacted=False)
    assert set(find_secrets(secrets, plain)) >= set(secrets) - HIDDEN
    assert find_secrets(secrets, recorded(tmp_path / "redacted.yaml", exchanges)) == []


HIDDEN = {
    f"{coding} {place}"
    for coding in ("gzip", "deflate", "br", "zstd")
    for place in ("zk", "webui", "environment", "command", "label", "env map", "member")
}
"""Secrets in bodies that a cassette keeps compressed."""


def coded(one: PlantedExchange, coding: str) -> PlantedExchange:
    """Return an exchange with its bodies in a content coding, unless they have one."""
    field = ("Content-Encoding", coding)
    if one.is_stream or any(name == field[0] for name, _ in one.response_headers):
        return one
    headers = [each for each in one.response_headers if each[0] != "Content-Length"]
    return one._replace(
        request_headers=[*one.request_headers, field],
        request_body=content_codings.encode(one.request_body, coding),
        response_headers=[*headers, field],
        response_body=content_codings.encode(one.response_body, coding),
    )


def decoded_bodies(path: Path) -> bytes:
    """Return the bodies of a cassette that it has in a content coding."""
    with Cassette.open(path) as cassette:
        return b"\n".join(
            content_codings.decode(body.base64, ", ".join(codings))
            for exchange in cassette.exchanges()
            for body in (exchange.request, exchange.response)
            if body.base64 and (codings := header_values(body.headers, "content-encoding"))
        )


@BOTH
@pytest.mark.parametrize("coding", ["gzip", "zstd, br"])
def test_no_secret_is_in_a_coded_body(tmp_path: Path, encoding: Encoding, coding: str) -> None:
    planting = PlantedExchanges(encoding)
    secrets = planting.source.secrets
    exchanges = [coded(one, coding) for one in planting.exchanges()]
    path = tmp_path / "cassette.yaml"
    plain = recorded(path, exchanges, redacted=False) + decoded_bodies(path)
    assert len(find_secrets(secrets, plain)) == len(secrets)
    data = recorded(path, exchanges) + decoded_bodies(path)
    assert find_secrets(secrets, data) == []


@BOTH
def test_no_secret_of_a_stream_is_in_it_wherever_chunks_are_cut(
    tmp_path: Path, encoding: Encoding
) -> None:
    planting = PlantedExchanges(encoding)
    secrets = planting.source.secrets
    streams = [one for one in planting.exchanges() if one.is_stream]
    longest = max(len(b"".join(one.records)) for one in streams)
    for cut in range(1, longest, 11):
        data = recorded(tmp_path / "cassette.yaml", streams, cut)
        # A secret that is not encoded would be seen by the fast search, too.
        left = [place for place, secret in secrets.items() if secret.encode() in data]
        assert left == [], cut
        if cut % 55 == 1:
            assert find_secrets(secrets, data) == [], cut


def documents(path: Path) -> Iterator[Document]:
    with Cassette.open(path) as cassette:
        for exchange in cassette.exchanges():
            yield exchange
            yield from cassette.events(exchange.exchange)
            yield from cassette.events(exchange.exchange, "client")
        yield from cassette.notes()


@BOTH
def test_a_redacted_cassette_stays_as_it_is_if_redacted_again(
    tmp_path: Path, encoding: Encoding
) -> None:
    recorded(tmp_path / "cassette.yaml", PlantedExchanges(encoding).exchanges())
    again = Redactor(first_number=10_000)
    for document in documents(tmp_path / "cassette.yaml"):
        assert again.redact(document) is document
    assert again.counts == {}
