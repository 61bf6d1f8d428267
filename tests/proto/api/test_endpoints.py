import pytest

from mesotape.proto.api.apis import (
    AGENT,
    APIS,
    EXECUTOR,
    MASTER,
    RESOURCE_PROVIDER,
    SCHEDULER,
    Api,
    ServerKind,
)
from mesotape.proto.api.endpoints import find_api, is_actor_message
from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.messages.fields import type_enum_name

# Paths that were sent to a real master and a real agent, with the API that answered.
SENT: list[tuple[ServerKind, str, Api | None]] = [
    ("master", "/api/v1", MASTER),
    ("master", "/api/v1/", MASTER),
    ("master", "//api/v1", MASTER),
    ("master", "///api//v1", None),
    ("master", "/API/V1", None),
    ("master", "/api", None),
    ("master", "/api/v2", None),
    ("master", "/api/%zz", None),
    ("master", "/%zz/api/v1", None),
    ("master", "/api/v1/../v1", None),
    ("master", "/api/v1/../../x", None),
    ("master", "/api/v1/a/b/c", MASTER),
    ("master", "/api/v1/operator", MASTER),
    ("master", "/api/v1?x=1&y=%20", MASTER),
    ("master", "http://127.0.0.1:15060/api/v1", MASTER),
    ("master", "api/v1", None),
    ("master", "/master/api/v1/", MASTER),
    ("master", "/%6daster/api/v1", MASTER),
    ("master", "/master/api/v1/scheduler", SCHEDULER),
    ("master", "/api/v1/scheduler", SCHEDULER),
    ("master", "/master/nope", None),
    ("master", "/master", None),
    ("master", "/", None),
    ("agent", "/api/v1/x", AGENT),
    ("agent", "/api/v1/executor", EXECUTOR),
    ("agent", "/api/v1/resource_provider", RESOURCE_PROVIDER),
    ("agent", "/slave(1)/api/v1", AGENT),
    ("agent", "/slave%281%29/api/v1", AGENT),
    ("agent", "/slave(1)/api/v1/executor", EXECUTOR),
    ("agent", "/master/api/v1", None),
    ("agent", "/slave(1)/mesos.internal.PingSlaveMessage", None),
]


@pytest.mark.parametrize(("server", "path", "api"), SENT)
def test_paths_lead_to_the_api_that_answered(
    server: ServerKind, path: str, api: Api | None
) -> None:
    assert find_api(path, server) is api


@pytest.mark.parametrize(
    ("server", "path", "api"),
    [
        ("agent", "/api/v1/scheduler", AGENT),
        ("agent", "/slave(1)/api/v1/scheduler", AGENT),
        ("master", "/api/v1/executor", MASTER),
        ("master", "/api/v1/scheduler/x//", SCHEDULER),
        ("master", "/api/v1/schedulers", MASTER),
        ("master", "/api/v1//scheduler", MASTER),
        ("master", "/api/v1/scheduler?x=http://host/x", SCHEDULER),
    ],
)
def test_an_unknown_route_below_the_operator_api_leads_to_it(
    server: ServerKind, path: str, api: Api
) -> None:
    assert find_api(path, server) is api


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/api/v1", None),
        ("/api/v1/operator", None),
        ("/master/api/v1", MASTER),
        ("/slave(12)/api/v1", AGENT),
        ("/api/v1/scheduler", SCHEDULER),
        ("/api/v1/executor", EXECUTOR),
        ("/api/v1/resource_provider", RESOURCE_PROVIDER),
        ("/slave(1)/api/v1/scheduler", AGENT),
        ("*", None),
        ("", None),
        ("http://host:5050", None),
        ("/http://host/master/api/v1", None),
        ("host:5050", None),
    ],
)
def test_without_a_server_kind_the_path_decides(path: str, api: Api | None) -> None:
    assert find_api(path, None) is api


def test_an_agent_may_share_the_port_of_a_master() -> None:
    assert find_api("/slave(1)/api/v1", "master") is AGENT


def fields(name: str) -> set[str]:
    return set(message_class(name).DESCRIPTOR.fields_by_name)


def types(name: str) -> set[str]:
    enum = message_class(name).DESCRIPTOR.fields_by_name["type"].enum_type
    assert enum is not None
    return {value.name for value in enum.values}


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_every_call_of_the_schema_is_known(api: Api) -> None:
    assert set(api.call_types) == types(api.call_message) - {"UNKNOWN"}


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_a_call_has_a_body_field_iff_the_schema_has_one(api: Api) -> None:
    bodies = {call.body_field for call in api.call_types.values() if call.body_field}
    ids = {name for name in fields(api.call_message) if name.endswith("_id")}
    assert bodies == fields(api.call_message) - ids - {"type"}


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_calls_are_answered_by_messages_of_the_schema(api: Api) -> None:
    answered = {call.name for call in api.call_types.values() if call.response_message is not None}
    expected = (
        types(api.response_message) - {"UNKNOWN"}
        if api.response_message is not None
        else set[str]()
    )
    assert answered == expected
    for call in api.call_types.values():
        assert call.response_message in (None, api.response_message)
        assert call.record_message in (None, api.event_message)
    assert fields(api.event_message) >= {"type"}


def test_reads_are_not_mutations() -> None:
    for api in APIS:
        for call in api.call_types.values():
            if call.name.startswith(("GET_", "LIST_", "READ_", "WAIT_")):
                assert not call.is_mutating
                assert call.response_message is not None
            assert not (call.is_mutating and call.causes_events)


def test_only_these_calls_are_streams() -> None:
    streams = {
        (api.name, call.name)
        for api in APIS
        for call in api.call_types.values()
        if call.record_message
    }
    assert streams == {
        ("master", "SUBSCRIBE"),
        ("scheduler", "SUBSCRIBE"),
        ("executor", "SUBSCRIBE"),
        ("resource_provider", "SUBSCRIBE"),
        ("agent", "ATTACH_CONTAINER_OUTPUT"),
        ("agent", "LAUNCH_NESTED_CONTAINER_SESSION"),
    }
    inward = [
        call.name for api in APIS for call in api.call_types.values() if call.has_streamed_request
    ]
    assert inward == ["ATTACH_CONTAINER_INPUT"]


def test_the_type_of_a_call_is_its_name_or_nothing() -> None:
    call = message_class("mesos.v1.scheduler.Call")
    assert type_enum_name(call(type=2)) == "TEARDOWN"
    assert type_enum_name(call(type=0)) == "UNKNOWN"
    assert type_enum_name(call()) is None
    assert type_enum_name(call.FromString(b"\x10\xe7\x07")) is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Host", "h"), ("User-Agent", "libprocess/master@127.0.0.1:5050")], True),
        ([("libprocess-from", "slave(1)@127.0.0.1:5051")], True),
        ([("User-Agent", "curl/8")], False),
        ([("User-Agent", "my libprocess/1")], False),
        ([("User-Agent", "libprocess/a@b:1"), ("user-agent", "curl/8")], False),
        ([], False),
    ],
)
def test_actor_messages_are_recognized_by_their_headers(
    headers: list[tuple[str, str]], expected: bool
) -> None:
    assert is_actor_message(headers) is expected
