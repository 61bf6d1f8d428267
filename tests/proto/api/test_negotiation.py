import json

import pytest
from support.paths import DATA

from mesotape.proto.api.apis import AGENT, APIS, EXECUTOR, MASTER, SCHEDULER, Api
from mesotape.proto.api.negotiation import (
    JSON,
    PROTOBUF,
    RECORDIO,
    ResponseType,
    accepts_gzip,
    accepts_media_type,
    is_negotiated,
    negotiate_response_type,
    request_encoding,
)
from mesotape.proto.http.headers import last_header_values

VECTORS = json.loads((DATA / "mesos-vectors.json").read_text())


@pytest.mark.parametrize("case", VECTORS["accept_header"], ids=lambda case: case["accept"])
def test_accept_is_read_as_mesos_reads_it(case: dict[str, str | bool]) -> None:
    header = str(case["accept"])
    assert accepts_media_type(header, JSON) is case["json"]
    assert accepts_media_type(header, PROTOBUF) is case["protobuf"]
    assert accepts_media_type(header, RECORDIO) is case["recordio"]


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, True),
        ("APPLICATION/JSON", True),
        ("application/*", True),
        ("text/*", False),
        ("application/json;q=abc", False),
        ("application/json;q=0.0", False),
        ("application/json;q=nan", False),
        ("application/json;q=1_0", False),
        ("application/json;q=0;q=1", True),
        ("application/json;a=b;q=0", False),
        ("*/*;q=0, application/json", True),
        ("application/*;q=0, */*", False),
        (";,;;", False),
        ("\tapplication/json ; q = 0.5", True),
    ],
)
def test_accept_of_json(header: str | None, accepted: bool) -> None:
    assert accepts_media_type(header, JSON) is accepted


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("identity", False),
        ("br, gzip", True),
        ("gzip;q=0, *", False),
        ("*;q=0.1", True),
        ("deflate", False),
    ],
)
def test_gzip_must_be_accepted_explicitly(header: str | None, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize(
    ("headers", "encoding"),
    [
        ({"Content-Type": "application/json"}, "json"),
        ({"content-type": "application/x-protobuf"}, "protobuf"),
        ({"Content-Type": "application/json; charset=utf-8"}, None),
        ({"Content-Type": "Application/JSON"}, None),
        ({"Content-Type": "application/json "}, None),
        ({"Content-Type": ""}, None),
        ({}, None),
        ({"Content-Type": "application/recordio"}, None),
        ({"Content-Type": RECORDIO, "Message-Content-Type": PROTOBUF}, "protobuf"),
    ],
)
def test_the_content_type_of_a_request_is_compared_exactly(
    headers: dict[str, str], encoding: str | None
) -> None:
    assert request_encoding(last_header_values(headers)) == encoding


def test_the_last_value_of_a_repeated_header_counts() -> None:
    types = last_header_values([("Content-Type", JSON), ("content-type", PROTOBUF)])
    assert request_encoding(types) == "protobuf"
    accepted = last_header_values([("Accept", JSON), ("ACCEPT", PROTOBUF)])
    assert negotiate_response_type(MASTER, accepted) == ResponseType(PROTOBUF)


@pytest.mark.parametrize(
    ("api", "headers", "expected"),
    [
        (MASTER, {}, ResponseType(JSON)),
        (MASTER, {"Accept": f"{PROTOBUF};q=1, {JSON};q=0.1"}, ResponseType(JSON)),
        (SCHEDULER, {"Accept": PROTOBUF}, ResponseType(PROTOBUF)),
        (MASTER, {"Accept": RECORDIO}, None),
        (MASTER, {"Accept": ""}, None),
        (EXECUTOR, {"Accept": PROTOBUF, "Message-Accept": JSON}, ResponseType(PROTOBUF)),
        (MASTER, {"Accept-Type": PROTOBUF}, ResponseType(PROTOBUF)),
        (MASTER, {"Accept-Type": PROTOBUF, "Accept": JSON}, ResponseType(JSON)),
        (AGENT, {"Accept": RECORDIO}, ResponseType(RECORDIO, JSON)),
        (AGENT, {"Accept": RECORDIO, "Message-Accept": PROTOBUF}, ResponseType(RECORDIO, PROTOBUF)),
        (AGENT, {"Accept": RECORDIO, "Message-Accept": "text/html"}, None),
        (AGENT, {"Accept": f"{RECORDIO}, */*"}, ResponseType(JSON)),
        (AGENT, {"Accept": "*/*", "Message-Accept": JSON}, None),
        (AGENT, {"Accept": "text/html"}, None),
    ],
)  # fmt: skip
def test_json_is_tried_first_whatever_the_weights(
    api: Api, headers: dict[str, str], expected: ResponseType | None
) -> None:
    assert negotiate_response_type(api, last_header_values(headers)) == expected


def test_a_response_type_has_the_encoding_of_its_messages() -> None:
    assert ResponseType(PROTOBUF).encoding == "protobuf"
    assert ResponseType(RECORDIO, JSON).encoding == "json"


def test_only_some_calls_are_negotiated() -> None:
    negotiated = {
        (api.name, call)
        for api in APIS
        for call in api.call_types
        if api.name not in ("master", "agent") and is_negotiated(api, call)
    }
    assert negotiated == {
        ("scheduler", "SUBSCRIBE"),
        ("scheduler", "RECONCILE_OPERATIONS"),
        ("executor", "SUBSCRIBE"),
        ("resource_provider", "SUBSCRIBE"),
    }
    assert is_negotiated(MASTER, "UPDATE_WEIGHTS")
    assert is_negotiated(AGENT, None)
