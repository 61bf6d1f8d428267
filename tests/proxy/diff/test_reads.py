import pytest
from support.cassette_builder import JSON, call, said, stream, written

from mesotape.cassettes.matching.request_key import parse_request
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api.apis import APIS
from mesotape.proto.http.request import HttpRequest
from mesotape.proxy.diff.reads import is_read, select_reads

SENT = {
    "GET_AGENT",
    "GET_AGENTS",
    "GET_CONTAINERS",
    "GET_EXECUTORS",
    "GET_FLAGS",
    "GET_FRAMEWORKS",
    "GET_HEALTH",
    "GET_LOGGING_LEVEL",
    "GET_MAINTENANCE_SCHEDULE",
    "GET_MAINTENANCE_STATUS",
    "GET_MASTER",
    "GET_METRICS",
    "GET_OPERATIONS",
    "GET_QUOTA",
    "GET_RESOURCE_PROVIDERS",
    "GET_ROLES",
    "GET_STATE",
    "GET_TASKS",
    "GET_VERSION",
    "GET_WEIGHTS",
    "LIST_FILES",
    "READ_FILE",
}
CONTENTS = {
    "READ_FILE": {"read_file": {"path": "x", "offset": 0}},
    "LIST_FILES": {"list_files": {"path": "x"}},
    "GET_METRICS": {"get_metrics": {}},
}


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_only_these_calls_are_ever_sent(api):
    for name, call_type in api.call_types.items():
        contents = CONTENTS.get(name) or {call_type.body_field: {}} if call_type.body_field else {}
        headers = tuple((key.encode(), value.encode()) for key, value in JSON.items())
        request = HttpRequest(b"POST", f"/{api.route}".encode(), headers)
        parsed = parse_request(request.with_body(said(name, **contents).encode()), api.server)
        assert is_read(parsed) == (name in SENT), name


def test_a_request_that_is_no_v1_call_is_not_sent():
    request = HttpRequest(b"GET", b"/state", ())
    assert not is_read(parse_request(request, "master"))


def test_of_equal_calls_the_last_one_is_compared(tmp_path):
    path = written(
        tmp_path / "c.yaml",
        call(1, 0.0, said("GET_HEALTH"), "{}"),
        stream(2, 1.0, []),
        call(3, 2.0, said("GET_HEALTH"), "{}"),
        call(4, 2.0, said("GET_VERSION"), "{}"),
    )
    with Cassette.open(path) as cassette:
        assert select_reads(cassette) == [3, 4]
