"""Protobuf that does not decode as its request says: its secrets are replaced all the same."""

import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from support.capture_to_cassette import write_observations
from support.captures import expected, load, names
from support.planted_exchanges import PlantedExchanges, observe
from support.planted_plain import PlantedExchange
from support.planted_secrets import find_secrets

from mesotape.cassettes.known_secrets.placeholders import PLACEHOLDER
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import DEFAULT_RULES, NO_RULES, RuleSet
from mesotape.proto.api.apis import ServerKind
from mesotape.proto.messages import mapping
from mesotape.proto.messages.wire_format import encode_varint, is_message

type Change = Callable[[PlantedExchange], PlantedExchange]


def with_type(one: PlantedExchange, media_type: str) -> PlantedExchange:
    def changed(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        names = ("Content-Type", "Accept")
        return [(name, media_type if name in names else value) for name, value in headers]

    return one._replace(
        request_headers=changed(one.request_headers), response_headers=changed(one.response_headers)
    )


def with_bodies(one: PlantedExchange, change: Callable[[bytes], bytes]) -> PlantedExchange:
    return one._replace(
        request_body=change(one.request_body), response_body=change(one.response_body)
    )


CHANGES: dict[str, Change] = {
    "as it is": lambda one: one,
    "no Content-Type": lambda one: with_type(one, ""),
    "other Content-Type": lambda one: with_type(one, "application/octet-stream"),
    "JSON": lambda one: with_type(one, "application/json"),
    "other path": lambda one: one._replace(target="/other"),
    "error": lambda one: one._replace(status=500),
    "half": lambda one: with_bodies(one, lambda body: body[: len(body) // 2]),
    "cut off": lambda one: with_bodies(one, lambda body: body[:-5]),
    "damaged": lambda one: with_bodies(one, lambda body: body[:-1] + b"\xff"),
    "unknown field": lambda one: with_bodies(one, lambda body: b"\xfa\x3e\x02no" + body),
}


@pytest.mark.parametrize(
    ("server", "change"),
    [("master", "as it is"), ("agent", "as it is"), *((None, change) for change in CHANGES)],
)
def test_no_secret_is_in_the_cassette(
    tmp_path: Path, server: ServerKind | None, change: str
) -> None:
    planting = PlantedExchanges("protobuf")
    exchanges = [
        CHANGES[change](one)
        for one in planting.exchanges()
        if not one.name.startswith("repeated")  # they would hide what is not found
    ]
    secrets = planting.source.secrets

    def recorded(rules: RuleSet) -> bytes:
        observed = observe(exchanges)
        return write_observations(observed, tmp_path / "cassette", server, rules).read_bytes()

    assert len(find_secrets(secrets, recorded(NO_RULES))) > len(secrets) // 2
    assert find_secrets(secrets, recorded(DEFAULT_RULES)) == []


def text(number: int, value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return encode_varint(number << 3 | 2) + encode_varint(len(data)) + data


SECRET = "kX9.fj2-ffQ0zz"
PAIR = text(1, "db.password") + text(2, SECRET)
LONG = "a word " * 30
MESSAGES = {
    "pair": PAIR,
    "pair in messages": text(7, text(1, b"\x08\x01" + text(9, PAIR)) + text(3, LONG)),
    "pair after a long text": text(1, PAIR) + text(2, LONG),
    "assignment": b"\x08\x01" + text(4, f"{LONG} password={SECRET}"),
    "JSON": b"\x08\x01" + text(4, f'{{"password":"{SECRET}"}}'),
    "lists": text(1, "a\x01") + text(1, f'[[{{"api_key":"{SECRET}"}}]]'),
    "bytes": b"\x08\x01" + text(4, b"\xff\xfe password=" + SECRET.encode()),
    "token": b"\x08\x01" + text(15, "ghp_" + "aB3dE6gH9jK2mN5pQ8sT" * 2),
    "field of a length of two bytes": b"\x08\x01" + text(3, f"{'x ' * 64}token={SECRET}"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_of_an_unknown_type_stays_one(name: str) -> None:
    data = MESSAGES[name]
    redacted = Redactor().redact_bytes(data)
    assert SECRET.encode() not in redacted
    assert b"ghp_" not in redacted
    assert b"REDACTED-1" in redacted
    assert is_message(redacted)
    assert LONG.encode() not in data or LONG.encode() in redacted
    assert Redactor().redact_bytes(redacted) is redacted


@pytest.mark.parametrize("name", MESSAGES)
def test_a_record_of_an_unknown_message_keeps_its_framing(name: str) -> None:
    record = b"%d\n%b" % (len(MESSAGES[name]), MESSAGES[name])
    redacted = Redactor().redact_bytes(record + record)
    length, _, rest = redacted.partition(b"\n")
    assert rest[int(length) :] == redacted[: len(redacted) // 2]
    assert is_message(rest[: int(length)])


@pytest.mark.parametrize("seed", range(3))
def test_a_message_is_redacted_as_the_json_that_shows_it(seed: int) -> None:
    for one in PlantedExchanges("protobuf", seed).exchanges():
        if "Call" not in one.name or not one.request_body:
            continue
        name = one.name.split()[0]
        by_fields = Redactor().redact_bytes(one.request_body)
        shown = mapping.encode(mapping.decode_protobuf(one.request_body, name)).decode()
        as_json = Redactor()._redact_json(shown)
        redacted = mapping.encode(mapping.decode_protobuf(by_fields, name)).decode()
        assert without_numbers(redacted) == without_numbers(as_json)


def without_numbers(shown: str) -> str:
    plain = re.sub(
        r"UkVEQUNURUQt[A-Za-z0-9+/]*=*",  # a placeholder in base64
        lambda found: b64decode(found.group()).decode(),
        shown,
    )
    return PLACEHOLDER.sub("REDACTED", plain)


@pytest.mark.parametrize("name", ["master-unary-protobuf", "big-state-protobuf"])
def test_a_state_without_secrets_stays_as_it_is(name: str) -> None:
    if name not in names():
        pytest.skip("the capture is too large to be part of the project")
    for one in expected(load(name)):
        body = bytes(one.response.body)
        assert Redactor().redact_bytes(body) is body


@pytest.mark.parametrize(
    "data",
    [b"password: \x01x", b"\x1b[1mpassword\x1b[0m", b"\x00\x01\x02", bytes(range(256)), b"\n" * 40],
)
def test_bytes_that_are_no_message_stay(data: bytes) -> None:
    assert Redactor().redact_bytes(data) is data
