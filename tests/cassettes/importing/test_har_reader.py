import json
from pathlib import Path
from typing import Any

import pytest
from support.imported_files import FILES, imported, mapped

from mesotape.cassettes.importing.har_reader import read_har
from mesotape.cassettes.importing.traffic import ForeignFileError, Origins
from mesotape.cassettes.interchange.losses import Losses
from mesotape.cassettes.storage.recorded_bodies import encode_response

HEARTBEAT = '{\n  "type": "HEARTBEAT"\n}'


def entry(**changes: Any) -> dict[str, Any]:
    """Return an entry, with the members of its request and response replaced."""
    made: dict[str, Any] = {
        "startedDateTime": "2026-01-01T00:00:01.500Z",
        "time": 30,
        "request": {
            "method": "POST",
            "url": "http://master.example:5050/api/v1?x=%20é#top",
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "postData": {"mimeType": "application/json", "text": '{"type":"GET_HEALTH"}'},
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": {"size": 2, "mimeType": "application/json", "text": "{}"},
        },
        "timings": {"blocked": 5, "dns": -1, "connect": None, "send": 1, "wait": 4, "receive": 20},
    }
    for name, value in changes.items():
        side, _, member = name.partition("_")
        made[side] = made[side] | {member: value} if member else value
    return made


def har(path: Path, *entries: object) -> Path:
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": entries}}, indent=1))
    return path


def test_the_har_of_a_browser_is_read(tmp_path: Path) -> None:
    losses = Losses()
    with imported(FILES / "chromium.har", tmp_path, losses) as cassette:
        assert cassette.header.recorder.startswith("Playwright 1.65.1, imported by mesotape")
        assert cassette.header.upstream.startswith("http://127.0.0.1:")
        exchanges = [*cassette.exchanges()]
        assert [each.request.path for each in exchanges] == ["/", *["/api/v1"] * 4]
        assert [event.json for event in cassette.events(5)][1:] == [
            '{\n  "type": "HEARTBEAT"\n}'
        ] * 2
    assert ["chunks" in str(loss) for loss in losses] == [True]


def test_times_and_target_are_those_of_the_entry(tmp_path: Path) -> None:
    later = entry(startedDateTime="2026-01-01T01:00:02+01:00")
    with imported(har(tmp_path / "x.har", later, entry()), tmp_path) as cassette:
        first, second = cassette.exchanges()
        assert cassette.header.recorded_at.isoformat() == "2026-01-01T00:00:01.500000+00:00"
    assert (first.at, first.response.after) == (0.0, 0.01)
    assert second.at == 0.5
    assert first.request.path == "/api/v1?x=%20%C3%A9"
    assert first.request.json == '{\n  "type": "GET_HEALTH"\n}'


HEADERS = [{"name": "Content-Encoding", "value": "br"}, {"name": "Content-Length", "value": "9"}]


@pytest.mark.parametrize(
    ("changes", "loss"),
    [
        ({"response_headers": HEADERS}, "Content-Encoding br is left out: the HAR has undone it"),
        ({"response_content": {"size": 7}}, "bodies are not in the HAR"),
        ({"request_httpVersion": "h2"}, "h2 is written as HTTP/1.1"),
        ({"request_url": "data:text/plain,x"}, "entries that are not HTTP are left out"),
        ({"request_url": "ws://a.example/"}, "entries that are not HTTP are left out"),
    ],
)
def test_what_is_not_in_the_file_is_listed(
    changes: dict[str, Any], loss: str, tmp_path: Path
) -> None:
    losses = Losses()
    with imported(har(tmp_path / "x.har", entry(**changes)), tmp_path, losses):
        assert [each.text for each in losses] == [loss]


def test_an_undone_coding_is_not_declared(tmp_path: Path) -> None:
    with imported(har(tmp_path / "x.har", entry(response_headers=HEADERS)), tmp_path) as cassette:
        assert cassette.exchange(1).response.headers == {"Content-Length": "2"}


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"response_content": {"text": "AAH/", "encoding": "base64"}}, b"\x00\x01\xff"),
        ({"response_content": {"text": "é"}}, "é".encode()),
        ({"response_content": {}}, b""),
        ({"response_headers": [{"name": "content-encoding", "value": "gzip"}]}, b"{}"),
    ],
)
def test_a_body_is_decoded(changes: dict[str, Any], body: bytes, tmp_path: Path) -> None:
    with imported(har(tmp_path / "x.har", entry(**changes)), tmp_path) as cassette:
        assert encode_response(cassette, cassette.exchange(1)) == body


def test_http_2_has_its_host_in_a_field(tmp_path: Path) -> None:
    fields = [{"name": ":authority", "value": "a.example"}, {"name": ":path", "value": "/"}]
    made = entry(request_headers=fields, request_httpVersion="http/2.0", request_postData=None)
    with imported(har(tmp_path / "x.har", made), tmp_path) as cassette:
        assert cassette.exchange(1).request.headers == {"Host": "a.example"}


def test_a_status_of_0_is_no_response(tmp_path: Path) -> None:
    with imported(har(tmp_path / "x.har", entry(response_status=0)), tmp_path) as cassette:
        response = cassette.exchange(1).response
    assert (response.status, response.cause) == (None, "server-cut")


def test_exchanges_at_the_same_time_have_connections_of_their_own(tmp_path: Path) -> None:
    at_once = [entry(), entry(), entry(startedDateTime="2026-01-01T00:00:02Z")]
    with imported(har(tmp_path / "x.har", *at_once), tmp_path) as cassette:
        assert [each.client for each in cassette.exchanges()] == [1, 2, 1]


def test_the_fields_of_a_form_become_its_body(tmp_path: Path) -> None:
    posted = {"mimeType": "x", "params": [{"name": "a b", "value": "1&2"}, {"name": "c"}]}
    with imported(har(tmp_path / "x.har", entry(request_postData=posted)), tmp_path) as cassette:
        assert cassette.exchange(1).request.text == "a+b=1%262&c="


def test_one_of_several_servers_is_chosen(tmp_path: Path) -> None:
    path = har(tmp_path / "x.har", entry(), entry(request_url="http://agent.example:5051/api/v1"))
    origins = Origins("http://agent.example:5051/")
    with path.open("rb") as file:
        items = [*read_har(mapped(file), origins, Losses()).items]
    assert {item.exchange for item in items} == {1}
    assert dict(origins.counts) == {
        "http://master.example:5050": 1,
        "http://agent.example:5051": 1,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not a HAR: expected a list of entries in an object log"),
        ('{"log": {"entries": [{}', "not a HAR: expected a list of entries in an object log"),
        ('{"entries": []}', "not a HAR: expected a list of entries in an object log"),
        (
            '{"log": {"entries": []}} x',
            "not a HAR: JSON is malformed: trailing characters",
        ),
        (
            '{"log": {"entries": [{"startedDateTime": "x", "request": {"url": "http://a"}}]}}',
            "entry 1, at byte 21: Invalid isoformat string: 'x'",
        ),
        (
            '{"log": {"entries": [{"startedDateTime": "2026-01-01T00:00:00Z", "request":'
            ' {"url": "http://a"}}]}}',
            "entry 1, at byte 21: Object missing required field `method` - at `$.request`",
        ),
    ],
)
def test_a_wrong_file_is_an_error(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x.har"
    path.write_text(text)
    with pytest.raises(ForeignFileError) as caught, imported(path, tmp_path):
        pass
    assert str(caught.value) == reason
    assert [each.name for each in tmp_path.iterdir()] == ["x.har"]
