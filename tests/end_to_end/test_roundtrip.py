"""Each capture through the recorder into a cassette and back: the same bytes three times."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from support.captures import Capture, Exchange, Origin, expected, facts, load, names, run_client
from support.captures.leading import led_by, pointed_back
from support.captures.proxied import changes, free_port, what_changed
from support.commands import running

from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.format import bodies
from mesotape.cassettes.format import documents as cassette_documents
from mesotape.cassettes.matching.recorded_request import response_message_name
from mesotape.cassettes.playback.playback import Options
from mesotape.cassettes.redaction.rules import ALWAYS_ON, RULE_IDS
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api import calls, endpoints
from mesotape.proto.api.apis import CallType
from mesotape.proxy.control.player import Player

AGENTS = ("agent-", "executor-", "secrets-agent", "session-")

# Connections that are left out, and why.
LEFT_OUT = {
    "master-errors": {
        13: "its Content-Type ends in a blank, which mitmproxy strips",
        123: "its head is longer than the replay server takes",
    },
}


KEEP_SECRETS = [
    word for rule in RULE_IDS if rule not in ALWAYS_ON for word in ("--no-redact", rule)
]
"""Without redaction, a recording has every byte."""


@pytest.mark.parametrize("name", names())
def test_the_client_the_cassette_and_the_replay_have_the_same_bytes(
    name: str, tmp_path: Path
) -> None:
    path, port = tmp_path / f"{name}.yaml", free_port()
    capture, table = without(load(name), LEFT_OUT.get(name, {})), changes(name)
    capture = led_by(capture, f"127.0.0.1:{port}")
    kept = {key for key, change in table.items() if not change.arrives}
    silent = {key for key, change in table.items() if not change.answered}
    server = "agent" if name.startswith(AGENTS) else "master"
    with (
        running(
            *("record", f"http://127.0.0.1:{port}", "-o", path, "--server", server), *KEEP_SECRETS
        ) as recorder,
        Origin(capture, never=kept, port=port) as origin,
    ):
        first = run_client(capture, recorder.address, never=silent)
    assert recorder.code == 0, recorder.said
    for one, captured in zip(first, expected(capture), strict=True):
        change = table.get(one.key)
        assert what_changed(pointed_back(captured), one) == (change.what if change else ""), one.key

    made_up = {key for key, change in table.items() if change.what.endswith("of mitmproxy")}
    recorded = [
        one for one in first if one.key in origin.arrived - made_up and not is_actor_message(one)
    ]
    with Cassette.open(path) as cassette:
        assert not cassette.warnings
        assert Counter(kept_bodies(cassette)) == Counter(seen_bodies(recorded))
        assert Counter(kept_places(cassette)) == Counter(named_places(capture))

    with Player(path, Options(pace=Instant()), strict=False) as player:
        again = run_client(capture, player.address, never=silent)
    for one, before in zip(again, first, strict=True):
        if is_actor_message(one):
            assert one.response is not None
            assert one.response.status == 501
        elif one.key not in table:
            assert facts(one) == facts(before), one.key


def without(capture: Capture, connections: Mapping[int, str]) -> Capture:
    lines = tuple(line for line in capture.lines if line.connection not in connections)
    return Capture(capture.name, lines)


def is_actor_message(exchange: Exchange) -> bool:
    return endpoints.is_actor_message(exchange.request.headers)


type Kept = tuple[str, str, int | None, str, tuple[str, ...]]
"""Method, path, status, and SHA-256 of the body and of each record."""


def seen_bodies(exchanges: list[Exchange]) -> Iterator[Kept]:
    for one in exchanges:
        response = one.response
        if response is None:
            continue
        records = tuple(sha256(record).hexdigest() for record in response.records)
        body = "" if records else response.body_sha256
        path = re.sub("^http://[^/]*", "", one.request.target)
        yield one.request.method, path, response.status, body, records


def kept_bodies(cassette: Cassette) -> Iterator[Kept]:
    for one in cassette.exchanges():
        request, response = one.request, one.response
        if response.status is None:
            continue
        message = response_message_name(one, call_of(cassette, one))
        records = tuple(
            sha256(bodies.encode_body(event, message)).hexdigest()
            for event in cassette.events(one.exchange)
        )
        body = "" if records else sha256(bodies.encode_body(response, message)).hexdigest()
        yield request.method, request.path, response.status, body, records


def named_places(capture: Capture) -> Iterator[str]:
    """What redirects of the captured server name."""
    for one in expected(capture):
        if one.response is not None:
            yield from (value for name, value in one.response.headers if name == "Location")


def kept_places(cassette: Cassette) -> Iterator[str]:
    for one in cassette.exchanges():
        if isinstance(place := one.response.headers.get("Location"), str):
            yield place


def call_of(cassette: Cassette, one: cassette_documents.Exchange) -> CallType | None:
    api = endpoints.find_api(one.request.path, cassette.header.server)
    if api is None:
        return None
    kind = one.request.headers.get("Content-Type")
    body = bodies.encode_body(one.request, api.call_message)
    return calls.identify_call_type(body, kind if isinstance(kind, str) else None, api)
