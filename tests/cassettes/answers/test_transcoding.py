import datetime
import json

import pytest
from google.protobuf.message import Message
from support.sample_messages import as_in_json, filled, types

from mesotape.cassettes.answers.answer import Ending, ReplayResponse, StreamedResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.answers.transcoding import TranscodingError, relabel_headers, transcode
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import End, Event, Exchange, Header, Request, Response
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.api.apis import AGENT, APIS, Api, CallType
from mesotape.proto.api.negotiation import JSON, PROTOBUF, RECORDIO, ResponseType
from mesotape.proto.http.request import HttpRequest
from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.recordio import Decoder, Record

RESPONSE = "mesos.v1.master.Response"


def test_a_message_keeps_its_meaning():
    text, wire = b'{"type":"GET_HEALTH","get_health":{"healthy":true}}', b"\x08\x01\x12\x02\x08\x01"
    assert transcode(text, RESPONSE, "protobuf").data == wire
    assert transcode(wire, RESPONSE, "json").data == text


def test_fields_that_only_servers_declare_are_transcoded():
    text = b'{"type":"GET_AGENTS","get_agents":{"agents":[%b],"recovered_agents":[]}}'
    text %= (
        b'{"agent_info":{"hostname":"h","port":5051,"checkpoint":true},"active":true,"version":"1",'
        b'"pid":"p"}'
    )
    made = transcode(text, RESPONSE, "protobuf")
    assert made.lost == ()
    info = message_class(RESPONSE).FromString(made.data).get_agents.agents[0].agent_info
    assert info.checkpoint
    assert json.loads(transcode(made.data, RESPONSE, "json").data) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ('{"type":"GET_HEALTH","new":1}', ("new",)),
        ('{"type":"GET_HEALTH","get_health":{"healthy":true,"why":{}}}', ("get_health.why",)),
        ('{"type":"NO_SUCH"}', ("type",)),
        ('{"type":"GET_HEALTH","new":null}', ("new",)),
        (
            '{"type":"GET_FLAGS","get_flags":{"flags":[{"name":"a","x":1},{"name":"b","x":2}]}}',
            ("get_flags.flags[].x",),
        ),
        (
            '{"type":"GET_QUOTA","get_quota":{"status":{"configs":[{"role":"r","limits":'
            '{"cpus":{"value":1,"unit":"x"}}}]}}}',
            ("get_quota.status.configs[].limits[cpus].unit",),
        ),
    ],
)
def test_names_that_protobuf_does_not_have_are_reported(text, lost):
    assert transcode(text.encode(), RESPONSE, "protobuf").lost == lost


@pytest.mark.parametrize(
    ("wire", "text", "lost"),
    [
        ("0801 fa7f03616263", '{"type":"GET_HEALTH"}', ("2047",)),
        ("08ff01", "{}", ("type",)),
        ("0801 1205 0801 a00601", '{"type":"GET_HEALTH","get_health":{"healthy":true}}',
         ("get_health.100",)),
    ],
)  # fmt: skip
def test_fields_that_json_does_not_have_are_reported(wire, text, lost):
    made = transcode(bytes.fromhex(wire), RESPONSE, "json")
    assert (made.data.decode(), made.lost) == (text, lost)


def test_many_lost_fields_are_reported_in_part():
    text = json.dumps({"type": "GET_HEALTH"} | {f"x{n}": 1 for n in range(20)})
    lost = transcode(text.encode(), RESPONSE, "protobuf").lost
    assert lost == (*(f"x{n}" for n in range(8)), "…")


def test_a_bare_nan_which_mesos_writes_is_transcoded():
    metrics = '{"type":"GET_METRICS","get_metrics":{"metrics":[{"name":"NaN","value":NaN}]}}'
    wire = transcode(metrics.encode(), RESPONSE, "protobuf").data
    assert transcode(wire, RESPONSE, "json").data == metrics.encode()


def test_text_that_is_not_utf8_is_transcoded_as_mesos_does():
    text = b'{"type":"GET_FLAGS","get_flags":{"flags":[{"name":"\xff"}]}}'
    wire = transcode(text, RESPONSE, "protobuf").data
    assert transcode(wire, RESPONSE, "json").data == text


@pytest.mark.parametrize(
    ("data", "to", "why"),
    [
        (b"\xff", "json", "Error parsing message"),
        (b"{", "protobuf", "syntax error at line 1 near: "),
        (b'{"type":"LIST_FILES","list_files":{"file_infos":[{}]}}', "protobuf",
         "Missing required fields: list_files.file_infos[0].path"),
    ],
)  # fmt: skip
def test_data_that_is_not_the_message_is_an_error(data, to, why):
    with pytest.raises(
        TranscodingError, match=f"^{RESPONSE} cannot be transcoded to {to}: .*"
    ) as error:
        transcode(data, RESPONSE, to)
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("headers", "target", "expected"),
    [
        ({"Date": "d", "content-type": JSON, "Content-Length": "3"}, ResponseType(PROTOBUF),
         {"Date": "d", "content-type": PROTOBUF, "Content-Length": "3"}),
        ({"Content-Encoding": "gzip", "Content-Type": JSON}, ResponseType(PROTOBUF),
         {"Content-Type": PROTOBUF}),
        ({"Content-Type": RECORDIO, "Message-Content-Type": JSON, "Date": "d"},
         ResponseType(PROTOBUF), {"Content-Type": PROTOBUF, "Date": "d"}),
        ({"Content-Type": JSON, "Date": "d"}, ResponseType(RECORDIO, PROTOBUF),
         {"Content-Type": RECORDIO, "Message-Content-Type": PROTOBUF, "Date": "d"}),
        ({"Date": "d"}, ResponseType(JSON), {"Date": "d", "Content-Type": JSON}),
    ],
)  # fmt: skip
def test_labels_change_in_their_place(headers, target, expected):
    assert list(relabel_headers(headers, target).items()) == list(expected.items())


# Every response and event of the schema, through a playback, from the one encoding to the other.

CONTAINER = '{"container_id":{"value":"c","parent":{"value":"p"}}}'
CONTENTS = {
    "GET_METRICS": "{}",
    "LIST_FILES": '{"path":"/"}',
    "READ_FILE": '{"path":"/","offset":0}',
    "WAIT_NESTED_CONTAINER": CONTAINER,
    "WAIT_CONTAINER": CONTAINER,
    "ATTACH_CONTAINER_OUTPUT": CONTAINER,
    "LAUNCH_NESTED_CONTAINER_SESSION": CONTAINER,
    "RECONCILE_OPERATIONS": "{}",
}
SUBSCRIBE = {
    "scheduler": '"subscribe":{"framework_info":{"user":"u","name":"n"}}',
    "executor": '"subscribe":{},"executor_id":{"value":"e"},"framework_id":{"value":"f"}',
    "resource_provider": '"subscribe":{"resource_provider_info":{"type":"t","name":"n"}}',
}
TO = {JSON: PROTOBUF, PROTOBUF: JSON}


def call_of(api: Api, kind: CallType) -> bytes:
    """A call that Mesos takes."""
    parts = [f'"type":"{kind.name}"']
    if kind.name == "SUBSCRIBE" and api.name in SUBSCRIBE:
        parts.append(SUBSCRIBE[api.name])
    elif kind.name in CONTENTS:
        parts.append(f'"{kind.name.lower()}":{CONTENTS[kind.name]}')
    if kind.name == "RECONCILE_OPERATIONS":
        parts.append('"framework_id":{"value":"f"}')
    return ("{" + ",".join(parts) + "}").encode()


def encoded(message: Message, kind: str) -> bytes:
    return mapping.encode(message) if kind == JSON else message.SerializeToString()


def decoded(data: bytes, name: str, kind: str) -> Message:
    return mapping.decode(data, name) if kind == JSON else message_class(name).FromString(data)


def request(api: Api, kind: CallType, accept: str, **headers: str) -> HttpRequest:
    fields = {"Content-Type": JSON, "Accept": accept} | headers
    pairs = tuple(
        (name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()
    )
    return HttpRequest(b"POST", f"/{api.route}".encode(), pairs, call_of(api, kind))


@pytest.fixture
def recorded(tmp_path):
    """Makes a playback of one exchange, recorded in an encoding: a unary answer, or records."""
    opened = []

    def record(api, kind, encoding, *messages, headers=None, asked=None):
        at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        asked = {"Content-Type": JSON} | (asked or {"Accept": encoding})
        text = call_of(api, kind).decode()
        request = Request(method="POST", path=f"/{api.route}", headers=asked, text=text)
        answer = {"Content-Type": encoding} if headers is None else headers
        bodies = [{"base64": encoded(message, encoding)} for message in messages]
        if kind.record_message is None:
            response = Response(after=0.0, status=200, headers=answer, **bodies[0])
        else:
            response = Response(after=0.0, status=200, headers=answer, stream="recordio")
        documents = [
            Header(mesotape=1, server=api.server, recorded_at=at),
            Exchange(exchange=1, at=0.0, client=1, request=request, response=response),
        ]
        if kind.record_message is not None:
            documents += [Event(event=n, of=1, at=0.0, **body) for n, body in enumerate(bodies, 1)]
            documents.append(End(end=1, at=0.0, cause="server"))
        path = tmp_path / f"{len(opened)}.yaml"
        path.write_bytes(b"".join(map(yaml_writer.format_document, documents)))
        opened.append(Cassette.open(path))
        return Playback(opened[-1], Options(pace=Instant()))

    yield record
    for cassette in opened:
        cassette.close()


def records_of(answer) -> list[bytes]:
    assert isinstance(answer, StreamedResponse)
    steps = [step for _, step in answer.steps]
    assert steps[-1] is Ending.FINAL_CHUNK
    pieces = Decoder().feed(b"".join(step for step in steps if isinstance(step, bytes)))
    assert all(isinstance(piece, Record) for piece in pieces)
    return [piece.payload for piece in pieces]


ANSWERED = [
    (api, kind)
    for api in APIS
    for kind in api.call_types.values()
    if kind.response_message is not None
]
STREAMED = [
    (api, kind)
    for api in APIS
    for kind in api.call_types.values()
    if kind.record_message is not None
]


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
@pytest.mark.parametrize(
    ("api", "kind"),
    ANSWERED,
    ids=lambda part: part.name,
)
def test_every_response_can_be_had_in_the_other_encoding(recorded, api, kind, encoding):
    for everything in (True, False):
        for message in filled(kind.response_message, kind.name, everything=everything):
            playback = recorded(api, kind, encoding, message)
            answer = playback.answer(request(api, kind, TO[encoding]), 0.0)
            assert isinstance(answer, ReplayResponse)
            assert decoded(answer.body, kind.response_message, TO[encoding]) == as_in_json(message)
            assert f"Content-Type: {TO[encoding]}\r\n" in answer.head.decode()
            assert f"Content-Length: {len(answer.body)}\r\n" in answer.head.decode()
            assert playback.journal.lost_fields == {}


@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
@pytest.mark.parametrize(
    ("api", "kind"),
    STREAMED,
    ids=lambda part: part.name,
)
def test_every_event_can_be_had_in_the_other_encoding(recorded, api, kind, encoding):
    messages = [
        message
        for name in types(kind.record_message)
        for everything in (True, False)
        for message in filled(kind.record_message, name, everything=everything)
    ]
    playback = recorded(api, kind, encoding, *messages)
    answer = playback.answer(request(api, kind, TO[encoding]), 0.0)
    served = [decoded(record, kind.record_message, TO[encoding]) for record in records_of(answer)]
    assert served == [as_in_json(message) for message in messages]
    assert f"Content-Type: {TO[encoding]}\r\n" in answer.head.decode()


OUTPUT = AGENT.call_types["ATTACH_CONTAINER_OUTPUT"]


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        ({"accept": JSON}, f"Content-Type: {JSON}\r\n"),
        ({"accept": PROTOBUF}, f"Content-Type: {PROTOBUF}\r\n"),
        ({"accept": RECORDIO}, f"Content-Type: {RECORDIO}\r\nMessage-Content-Type: {JSON}\r\n"),
        ({"accept": RECORDIO, "Message_Accept": PROTOBUF},
         f"Content-Type: {RECORDIO}\r\nMessage-Content-Type: {PROTOBUF}\r\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", [JSON, PROTOBUF])
def test_the_output_of_a_container_comes_in_any_of_four_labels(recorded, encoding, asked, labels):
    (message,) = filled(OUTPUT.record_message, "CONTROL", everything=False)
    headers = {"Content-Type": RECORDIO, "Message-Content-Type": encoding}
    recorded_with = {"Accept": RECORDIO, "Message-Accept": encoding}
    playback = recorded(AGENT, OUTPUT, encoding, message, headers=headers, asked=recorded_with)
    answer = playback.answer(request(AGENT, OUTPUT, **asked), 0.0)
    wanted = PROTOBUF if PROTOBUF in labels else JSON
    assert [decoded(one, OUTPUT.record_message, wanted) for one in records_of(answer)] == [message]
    assert labels in answer.head.decode()
