"""Replays of a redacted cassette: it answers any client, and shows the secrets of none."""

from pathlib import Path

import pytest
from support.capture_to_cassette import write_observations
from support.planted_exchanges import PlantedExchanges, observe
from support.planted_plain import PlantedExchange
from support.planted_secrets import find_secrets

from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Playback
from mesotape.cassettes.redaction.rules import DEFAULT_RULES, NO_RULES
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest
from mesotape.proto.messages.descriptors import Encoding

BOTH = pytest.mark.parametrize("encoding", ["json", "protobuf"])


def sent(one: PlantedExchange, *, as_another: bool = False) -> HttpRequest:
    """Return a request; `as_another` is one that no cassette of these exchanges has."""
    method, target = one.method.encode(), one.target.encode()
    headers = [*one.request_headers, ("Content-Length", str(len(one.request_body)))]
    if as_another and not one.request_body.startswith(b"{"):
        method, target = b"PUT", target + b"2"
    body = one.request_body
    if as_another:
        body = body.replace(b"t-1", b"t-2").replace(b'"user":"u"', b'"user":"v"')
    encoded = tuple((name.encode(), value.encode()) for name, value in headers)
    return HttpRequest(method, target, encoded, body)


@BOTH
@pytest.mark.parametrize("seed", [0, 1], ids=["the same secrets", "other secrets"])
def test_a_redacted_cassette_answers_clients_with_any_secrets(
    tmp_path: Path, encoding: Encoding, seed: int
) -> None:
    path = tmp_path / "cassette.yaml"
    exchanges = PlantedExchanges(encoding).exchanges()
    write_observations(observe(exchanges), path, "master", DEFAULT_RULES)
    with Cassette.open(path) as cassette:
        playback = Playback(cassette)
        for number, one in enumerate(PlantedExchanges(encoding, seed).exchanges(), 1):
            answered = playback.answer(sent(one), float(number), client=1)
            assert not isinstance(answered, Miss), (one.name, str(answered))


@pytest.mark.parametrize("seed", [0, 1], ids=["the same secrets", "other secrets"])
def test_a_redacted_cassette_answers_with_protobuf_of_an_unknown_type(
    tmp_path: Path, seed: int
) -> None:
    def exchanges(seed: int) -> list[PlantedExchange]:
        planted = PlantedExchanges("protobuf", seed).exchanges()
        return [one._replace(target=f"/x{number}") for number, one in enumerate(planted)]

    path = tmp_path / "cassette.yaml"
    write_observations(observe(exchanges(0)), path, "master", DEFAULT_RULES)
    with Cassette.open(path) as cassette:
        playback = Playback(cassette)
        for number, one in enumerate(exchanges(seed), 1):
            answered = playback.answer(sent(one), float(number), client=1)
            assert not isinstance(answered, Miss), (one.name, str(answered))


@BOTH
@pytest.mark.parametrize("rules", [DEFAULT_RULES, NO_RULES], ids=["redacted", "unredacted"])
def test_a_miss_shows_no_secret(tmp_path: Path, encoding: Encoding, rules: object) -> None:
    path = tmp_path / "cassette.yaml"
    recorded, received = PlantedExchanges(encoding), PlantedExchanges(encoding, seed=1)
    write_observations(
        observe(recorded.exchanges()),
        path,
        "master",
        DEFAULT_RULES if rules is DEFAULT_RULES else NO_RULES,
    )
    shown: list[str] = []
    with Cassette.open(path) as cassette:
        playback = Playback(cassette)
        for number, one in enumerate(received.exchanges(), 1):
            for as_another in (True, False):
                answered = playback.answer(
                    sent(one, as_another=as_another), float(number), client=1
                )
                if isinstance(answered, Miss):
                    shown += [str(answered), answered.to_json().decode()]
        shown += map(str, playback.journal.refusals)
    assert len(shown) > 5
    text = "\n".join(shown).encode()
    secrets = received.source.secrets | {
        f"recorded {place}": secret for place, secret in recorded.source.secrets.items()
    }
    assert find_secrets(secrets, text) == []


def test_a_miss_for_a_secret_alone_shows_that_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"
    recorded, received = PlantedExchanges("json"), PlantedExchanges("json", seed=1)
    write_observations(observe(recorded.exchanges()), path, "master", NO_RULES)
    accept = next(one for one in received.exchanges() if one.name.endswith("ACCEPT"))
    with Cassette.open(path) as cassette:
        miss = Playback(cassette).answer(sent(accept), 1.0)
    assert isinstance(miss, Miss)
    differences = {str(each) for near in miss.nearest for each in near.differences}
    assert any('"REDACTED-' in each and " → " in each for each in differences), differences
