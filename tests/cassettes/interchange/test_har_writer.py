import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.captures import expected, load, names, names_for_formats

from mesotape.cassettes.interchange.details import CassetteDetails
from mesotape.cassettes.interchange.har_writer import write_har
from mesotape.cassettes.interchange.losses import Losses
from mesotape.cassettes.interchange.recorded import RecordedExchanges
from mesotape.cassettes.storage.reader import Cassette

REQUIRED = {
    "": {"startedDateTime", "time", "request", "response", "cache", "timings"},
    "request": {
        *("method", "url", "httpVersion", "cookies", "headers", "queryString"),
        *("headersSize", "bodySize"),
    },
    "response": {
        *("status", "statusText", "httpVersion", "cookies", "headers", "content"),
        *("redirectURL", "headersSize", "bodySize"),
    },
    "timings": {"send", "wait", "receive"},
}
"""What HAR 1.2 says that each entry has."""

IN_HAR = {"comment", "connection", "postData", "encoding", "serverIPAddress"}


def har(path: Path) -> dict[str, Any]:
    with Cassette.open(path) as cassette:
        details = CassetteDetails(header=cassette.header, notes=list(cassette.notes()))
        exchanges = RecordedExchanges(cassette, Losses(), 1 << 27)
        return json.loads(b"".join(write_har(details, exchanges)))["log"]


@pytest.mark.parametrize("name", names_for_formats())
def test_entries_have_the_members_of_the_specification(
    name: str, captured: Callable[[str], Path]
) -> None:
    log = har(captured(name))
    assert log["version"] == "1.2"
    assert log["creator"].keys() == {"name", "version"}
    for entry in log["entries"]:
        for part, required in REQUIRED.items():
            members = set(entry[part] if part else entry)
            assert required <= members
            assert {one for one in members - required if not one.startswith("_")} <= IN_HAR


@pytest.mark.parametrize("name", names())
def test_bodies_are_those_of_the_capture_without_gzip(
    name: str, captured: Callable[[str], Path]
) -> None:
    answers = {each.response.body for each in expected(load(name)) if each.response is not None}
    for entry in har(captured(name))["entries"]:
        content = entry["response"]["content"]
        if "encoding" not in content and "text" in content and "_coded" not in content:
            assert content["text"].encode() in answers
            assert content["size"] == len(content["text"].encode())


def test_the_url_is_that_of_the_request(captured: Callable[[str], Path]) -> None:
    requests = [each.request for each in expected(load("two-clients"))]
    sent = {f"http://{dict(each.headers)['Host']}{each.target}" for each in requests}
    assert {entry["request"]["url"] for entry in har(captured("two-clients"))["entries"]} == sent
