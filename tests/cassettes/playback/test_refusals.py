"""Refusals of a replay against those of a real master and agent, byte for byte."""

import contextlib
import datetime
import zlib

import pytest
from support.capture_requests import sent
from support.captures import capture

from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import Exchange, Header, Request, Response
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api.endpoints import is_actor_message
from mesotape.proto.http.gzip_coding import gzip_decompress
from mesotape.proto.http.request import HttpRequest

JSON, PROTOBUF, RECORDIO = "application/json", "application/x-protobuf", "application/recordio"
DATE = "Sun, 22 Nov 2026 12:18:29 GMT"
RECORDED_AT = datetime.datetime(2026, 11, 22, 12, 18, 29, 104233, tzinfo=datetime.UTC)

ABSENT = "It is about something that is not there, which only the server's state tells."
STATE = "It depends on the server's state."
CALLER = "It depends on whether the framework or provider is subscribed."
LEADER = "This master does not lead; a replay answers as one that does."
BROKEN = "HTTP is broken: the replay server refuses it before the playback sees it."

# Exchanges that a replay does not answer as the server did, and why.
MISSED = {
    "agent-errors": {
        (13, 0): ABSENT,
        (18, 0): ABSENT,
        (20, 0): ABSENT,
        (22, 0): ABSENT,
        (23, 0): ABSENT,
        (32, 0): ABSENT,
        (35, 0): STATE,
        (36, 0): CALLER,
        (39, 0): CALLER,
    },
    "master-errors": {
        (13, 0): "The blank behind its Content-Type is lost in the tools of the tests.",
        **dict.fromkeys([(73, 0), (74, 0), (75, 0), (76, 0), (77, 0), (78, 0), (80, 0)], ABSENT),
        **dict.fromkeys([(81, 0), (82, 0)], "The values are wrong, not the shape of the call."),
        **dict.fromkeys([(83, 0), (84, 0), (85, 0), (86, 0), (87, 0)], STATE),
        (119, 0): BROKEN,
        (123, 0): BROKEN,
        (130, 0): "Nobody sends `Transfer-Encoding: gzip, chunked`, which Mesos does not read.",
        **dict.fromkeys([(138, 0), (139, 0), (146, 0), (149, 0), (150, 0), (152, 0)], CALLER),
        (135, 0): "The client left; the request is a sound one.",
    },
    "master-mixed": {
        (26, 0): "In mesos-local a master's port serves agents too, so this may be one's path.",
        (50, 1): "A sound request, behind a stream that did not end.",
    },
    "master-not-elected": dict.fromkeys([(1, 0), (1, 1), (1, 2), (1, 3), (5, 0), (6, 0)], LEADER),
}

# Exchanges that a replay refuses in other words than the server did: why, and these words.
DIFFERENT = {
    "master-errors": {
        (8, 0): (
            BROKEN,
            b"405 Method Not Allowed. Expecting one of { 'POST' }, but received 'BREW'.",
        ),
    },
    "master-not-elected": {
        (2, 0): (
            LEADER,
            b"405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'.",
        ),
        (3, 0): (
            LEADER,
            b"Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
        (7, 0): (LEADER, b"Failed to parse body into JSON: syntax error at line 1 near: "),
    },
}


@pytest.fixture
def playback(tmp_path):
    """Makes a playback that has no answer to any request of the tests."""
    opened = []

    def make(server, target="/files/debug", status=None):
        path = tmp_path / f"{len(opened)}.yaml"
        header = Header(mesotape=1, server=server, recorded_at=RECORDED_AT)
        request = Request(method="GET", path=target)
        response = Response(after=0, status=status)
        exchange = Exchange(exchange=1, at=0.0, client=1, request=request, response=response)
        path.write_bytes(
            yaml_writer.format_document(header) + yaml_writer.format_document(exchange)
        )
        opened.append(Cassette.open(path))
        return Playback(opened[-1])

    yield make
    for cassette in opened:
        cassette.close()


def refused(name):
    """Exchanges of a capture that the server did not take."""
    for each in capture.expected(capture.load(name)):
        whole = each.request.complete and not each.request.broken
        if whole and (each.response is None or each.response.status >= 400):
            yield each


def captured(each):
    """The answer of the server: status, headers without Date and Content-Length, body unpacked."""
    if each.response is None:
        return None
    response = each.response
    headers = [pair for pair in response.headers if pair[0] not in ("Date", "Content-Length")]
    return f"{response.status} {response.reason}", headers, response.body


def refusal_in(answer, *, bodiless):
    """The same of the answer of a replay."""
    if answer.status is None:
        return None
    line, *fields = answer.head.decode("latin-1").split("\r\n")[:-2]
    headers = [tuple(field.split(": ", 1)) for field in fields]
    assert ("Date", DATE) in headers
    assert bodiless or ("Content-Length", str(len(answer.body))) in headers
    body = answer.body
    with contextlib.suppress(ValueError, zlib.error):
        body = gzip_decompress(body) if ("Content-Encoding", "gzip") in headers else body
    kept = [pair for pair in headers if pair[0] not in ("Date", "Content-Length")]
    return line.removeprefix("HTTP/1.1 "), kept, body


NOT_ELECTED = (
    "503 Service Unavailable",
    [("Content-Type", "text/plain; charset=utf-8")],
    b"No leader elected",
)

CASES = [
    pytest.param(name, each, id=f"{name}-{each.connection}-{each.index}")
    for name in ("master-errors", "agent-errors", "master-mixed", "master-not-elected")
    for each in refused(name)
]


@pytest.mark.parametrize(("name", "each"), CASES)
def test_a_request_that_a_real_server_refuses_is_refused_with_its_text(name, each, playback):
    played = playback("agent" if name.startswith("agent") else "master")
    answer = played.answer(sent(each.request), 0.0)
    if each.key in MISSED.get(name, {}):
        assert isinstance(answer, Miss)
        return
    assert not isinstance(answer, Miss)
    assert played.journal.refused_count == 1
    assert played.journal.missed_count == 0
    replayed = refusal_in(answer, bodiless=each.request.method == "HEAD")
    if each.key in DIFFERENT.get(name, {}):
        _, text = DIFFERENT[name][each.key]
        assert replayed[2] == text
        assert captured(each) in (None, NOT_ELECTED)
    elif each.request.method == "HEAD":  # a replay sends no body to HEAD, though Mesos does
        assert replayed[:2] == captured(each)[:2]
        assert replayed[2] == b""
    else:
        assert replayed == captured(each)


@pytest.mark.parametrize(
    "name",
    [name for name in capture.names() if name not in ("master-not-elected", "master-redirect")],
)
def test_a_request_that_a_real_server_accepts_is_never_refused(name, playback):
    agents = ("agent", "executor", "secrets-agent", "session")
    played = playback("agent" if name.startswith(agents) else "master")
    for each in capture.expected(capture.load(name)):
        taken = each.response is not None and each.response.status < 400
        if taken and not is_actor_message(each.request.headers):
            assert isinstance(played.answer(sent(each.request), 0.0), Miss), each.key


# Refusals that are in no capture; the texts are those of the sources.

CONTAINER = '{"type":"%s","%s":{"container_id":{"value":"%s"}}}'


def request(path, body, *, kind=JSON, **headers):
    pairs = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
    pairs.append((b"Content-Type", kind.encode()))
    return HttpRequest(b"POST", path.encode(), tuple(pairs), body.encode())


def call(name, text="", **headers):
    return request("/api/v1", f'{{"type":"{name}"{text}}}', **headers)


def scheduler(name, text="", **headers):
    text = f'{{"type":"{name}","framework_id":{{"value":"f"}}{text}}}'
    return request("/api/v1/scheduler", text, **headers)


def update(status):
    head = '"executor_id":{"value":"e"},"framework_id":{"value":"f"},"type":"UPDATE"'
    status = f'{{"task_id":{{"value":"t"}}{status}}}'
    return request("/api/v1/executor", f'{{{head},"update":{{"status":{status}}}}}')


UUID = '"uuid":"AAAAAAAAQACAAAAAAAAAAA=="'
ACKNOWLEDGE = ',"acknowledge_operation_status":{"operation_id":{"value":"o"},"uuid":"%s"}'
PROVIDER = "/api/v1/resource_provider"


@pytest.mark.parametrize(
    ("server", "sent", "status", "text"),
    [
        ("master", call("GROW_VOLUME", ',"grow_volume":{"volume":{"name":"d","type":"SCALAR"},'
         '"addition":{"name":"d","type":"SCALAR"}}'), 400,
         "Failed to validate master::Call: Expecting 'agent_id' to be present; "
         "only agent default resources are supported right now"),
        ("master", scheduler("SUBSCRIBE", ',"subscribe":{"framework_info":{"user":"u","name":"n",'
         '"id":{"value":"other"}}}'), 400, "Failed to validate scheduler::Call: "
         "'framework_id' differs from 'subscribe.framework_info.id'"),
        ("master", scheduler("ACKNOWLEDGE_OPERATION_STATUS", ACKNOWLEDGE % "AAAA"), 400,
         "Failed to validate scheduler::Call: Not a valid UUID"),
        ("master", scheduler("ACKNOWLEDGE_OPERATION_STATUS", ACKNOWLEDGE % UUID[8:-1]), 400,
         "Failed to validate scheduler::Call: Expecting 'agent_id' to be present"),
        ("master", scheduler("KILL"), 400,
         "Failed to validate scheduler::Call: Expecting 'kill' to be present"),
        ("master", request("/api/v1/scheduler", '{"type":"SUBSCRIBE"}', Accept="text/html"), 400,
         "Failed to validate scheduler::Call: Expecting 'subscribe' to be present"),
        ("agent", update(',"state":"TASK_RUNNING"'), 400,
         "Failed to validate Executor::Call: Expecting 'uuid' to be present"),
        ("agent", update(f',"state":"TASK_RUNNING",{UUID}'), 400,
         "Failed to validate Executor::Call: Received Call from executor e of framework f "
         "with invalid source, expecting 'SOURCE_EXECUTOR'"),
        ("agent", update(f',"state":"TASK_STAGING","source":"SOURCE_EXECUTOR",{UUID}'), 400,
         "Failed to validate Executor::Call: Received TASK_STAGING from executor e of framework f "
         "which is not allowed"),
        ("agent", update(f',"state":"TASK_RUNNING",{UUID},"executor_id":{{"value":"x"}}'), 400,
         "Failed to validate Executor::Call: ExecutorID in Call: e "
         "does not match ExecutorID in TaskStatus: x"),
        ("agent", call("KILL_NESTED_CONTAINER", ',"kill_nested_container":{"container_id":'
         '{"value":"a.b"}}'), 400, "Failed to validate agent::Call: "
         "'kill_nested_container.container_id' is invalid: "
         "'ContainerID.value' 'a.b' contains invalid characters"),
        ("agent", call("WAIT_CONTAINER", ',"wait_container":{"container_id":{"value":"a",'
         '"parent":{"value":""}}}'), 400, "Failed to validate agent::Call: "
         "'wait_container.container_id' is invalid: 'ContainerID.parent' is invalid: "
         "ID must be non-empty"),
        ("agent", request(PROVIDER, '{"type":"UPDATE_STATE"}'), 400,
         "Failed to validate resource_provider::Call: "
         "Expecting 'resource_provider_id' to be present"),
        ("agent", request(PROVIDER, '{"type":"UPDATE_PUBLISH_RESOURCES_STATUS",'
         '"resource_provider_id":{"value":"p"}}'), 400,
         "Failed to validate resource_provider::Call: "
         "Expecting 'update_publish_resources_status' to be present."),
        ("agent", request(PROVIDER, '{"type":"SUBSCRIBE","subscribe":{"resource_provider_info":'
         '{"type":"t","name":"n"}}}', Mesos_Stream_Id="s"), 400,
         "Subscribe calls should not include the 'Mesos-Stream-Id' header"),
        ("agent", request("/api/v1", "-x\n{}", kind=RECORDIO, Message_Content_Type=JSON), 500,
         "Decoder failure: Failed to decode length '-x': Failed to convert '-x' to number"),
    ],
)  # fmt: skip
def test_a_request_that_the_sources_refuse_is_refused_with_their_text(
    server, sent, status, text, playback
):
    answer = playback(server).answer(sent, 0.0)
    assert not isinstance(answer, Miss), str(answer)
    assert (answer.status, answer.body.decode()) == (status, text)


@pytest.mark.parametrize(
    ("server", "sent"),
    [
        ("master", HttpRequest(b"GET", b"/state")),
        ("master", HttpRequest(b"GET", b"/")),
        ("master", HttpRequest(b"GET", b"/master/")),
        ("master", HttpRequest(b"GET", b"/static/js/app.js")),
        ("agent", HttpRequest(b"GET", b"/slave(1)/state")),
        ("agent", HttpRequest(b"GET", b"/files/browse?path=/")),
        ("agent", request("/api/v1", "0x2\n{}", kind=RECORDIO, Message_Content_Type=JSON)),
        (None, call("GET_HEALTH")),
        (None, HttpRequest(b"GET", b"/nope")),
        ("master", scheduler("UNKNOWN")),
    ],
)
def test_a_request_that_a_server_may_accept_is_a_miss(server, sent, playback):
    assert isinstance(playback(server).answer(sent, 0.0), Miss)


@pytest.mark.parametrize(
    ("server", "recorded", "status", "sent", "answer"),
    [
        ("master", "/mesos/api/v1?_ts=1", 200, "/mesos/api/v1?_ts=2", "miss"),
        ("master", "/mesos/api/v1?_ts=1", 502, "/mesos/api/v1/", "miss"),
        ("master", "/mesos/api/v1?_ts=1", 200, "/nope", 404),
        ("master", "/nope?_ts=1", 404, "/nope?_ts=2", 404),
        ("master", "/files/debug", 200, "/mesos/api/v1", 404),
        ("agent", "/agent/a-S0/api/v1", 200, "/agent/a-S0/api/v1?_ts=2", "miss"),
    ],
)
def test_a_path_that_only_the_recorded_server_has_is_a_miss(
    server, recorded, status, sent, answer, playback
):
    given = playback(server, recorded, status).answer(HttpRequest(b"POST", sent.encode()), 0.0)
    assert ("miss" if isinstance(given, Miss) else given.status) == answer


def test_a_request_that_only_one_of_two_servers_refuses_is_a_miss(playback):
    both = Playback([playback("master").cassettes[0], playback("agent").cassettes[0]])
    assert isinstance(both.answer(call("GET_CONTAINERS"), 0.0), Miss)
    answer = both.answer(call("NO_SUCH"), 0.0)
    assert answer.body == b"Failed to validate master::Call: Expecting 'type' to be present"


def test_a_refusal_is_reported_with_the_report_of_a_miss(playback):
    played, notes = playback("master"), []
    played.journal.on_note = notes.append
    played.answer(HttpRequest(b"PUT", b"/api/v1"), 0.0)
    assert [str(note) for note in notes] == [
        "refused as Mesos does, 405 Method Not Allowed. "
        "Expecting one of { 'POST' }, but received 'PUT'.\n"
        "  no recorded answer: PUT /api/v1: nothing recorded for this call\n"
        "  what to do: Record a session in which the client makes this call, "
        "or keep the client from making it.\n"
        "  to record: mesotape record http://master.example:5050"
        f" --output {played.cassettes[0].path} --append"
    ]


def broken(body, **headers):
    """A call of which the body is not what its Content-Encoding says."""
    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"} | headers
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HttpRequest(b"POST", b"/api/v1", tuple(pairs), body, has_undecodable_body=True)


@pytest.mark.parametrize(
    ("sent", "status", "text"),
    [
        (broken(b"\x1f\x8bgarbage"), 500, b"Failed to decompress body"),
        (broken(b'{"type":"GET_HEALTH"}'), 500, b"failed to decode body"),
        (broken(b""), 500, b"failed to decode body"),
        (broken(b"x", **{"Content-Type": "a/b"}), 415, b"Expecting 'Content-Type' of "),
        (broken(b"x", Accept="text/html"), 406, b"Expecting 'Accept' to allow "),
    ],
)
def test_an_agent_checks_the_headers_of_a_broken_body_first(sent, status, text, playback):
    answer = playback("agent").answer(sent, 0.0)
    assert answer.status == status
    assert answer.body.startswith(text)


def test_a_master_checks_no_headers_of_a_broken_body(playback):
    answer = playback("master").answer(broken(b"x", **{"Content-Type": "a/b"}), 0.0)
    assert (answer.status, answer.body) == (500, b"failed to decode body")


def test_broken_records_of_an_agent_are_a_miss(playback):
    sent = broken(b"x", **{"Content-Type": RECORDIO, "Message-Content-Type": JSON})
    assert isinstance(playback("agent").answer(sent, 0.0), Miss)
