"""Answers have the ids of this run in the place of recorded ones."""

import json
import re

import pytest
from msgspec.structs import replace
from support.capture_cassettes import playable
from support.capture_requests import sent
from support.playback_cassettes import (
    HEADER,
    JSON,
    PROTOBUF,
    STREAM,
    event,
    exchange,
    request,
)
from support.sample_messages import Builder
from support.scheduler_client import (
    GET_TASKS,
    PATH,
    STREAM_ID,
    Client,
    accept,
    ident,
    subscribe,
    tasks,
    text,
)
from support.scheduler_sessions import (
    SESSION,
    documents_of,
    greeting,
    session,
    update,
    uuid,
)
from support.sockets import connect, post, record

from mesotape.cassettes.answers.answer import StreamedResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.matching.ignore_rules import IgnoreRules
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.rebinding.id_bindings import IdBindings, ScopedId
from mesotape.cassettes.rebinding.id_matching import IdMatcher
from mesotape.cassettes.rebinding.id_rewriting import IdRewriter
from mesotape.proto.api.apis import AGENT, APIS, SCHEDULER
from mesotape.proto.messages import mapping
from mesotape.proto.messages.defaults import without_defaults
from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.messages.ids import ID_KINDS, id_fields
from mesotape.proxy.control.player import Player


def test_a_record_without_other_ids_keeps_its_bytes(play):
    odd = '{"x":1,"type":"UPDATE","update":{"status":{"state":"TASK_RUNNING","task_id":%s}}}'
    documents = [
        *documents_of(subscribe("f-old"), accept("O1", "task-1")),
        *(
            event(n, 1, 100.0, f"text: '{odd % text(ident(task)).decode()}'")
            for n, task in enumerate(["task-1", "task-9"], 1)
        ),
    ]
    client = Client(session(play, *documents, rebind=True))
    steps = client.send(subscribe("f-old")).steps
    client.made(accept("O1", "new"))
    got = [step.partition(b"\n")[2] for _, step in steps if isinstance(step, bytes)]
    assert got[1] == (odd % text(ident("task-9")).decode()).encode()
    assert json.loads(got[0])["update"]["status"]["task_id"] == ident("new")


@pytest.mark.parametrize("recorded", [JSON, PROTOBUF])
@pytest.mark.parametrize("content_type", [JSON, PROTOBUF])
def test_operators_get_the_ids_of_this_run(play, content_type, recorded):
    response = f"status: 200\n  headers:\n    Content-Type: {recorded}\n"
    body = text(tasks("task-1")).decode()
    response += f"  json: '{body}'" if recorded == JSON else f"  proto: '{body}'"
    operator = exchange(9, GET_TASKS, response, accept=recorded)
    playback = session(play, *SESSION, operator, rebind=True)

    def asked():
        answer = playback.answer(request(GET_TASKS, Accept=content_type), 0.0)
        assert f"Content-Length: {len(answer.body)}\r\n".encode() in answer.head
        data = answer.body
        if content_type == PROTOBUF:
            data = mapping.encode(message_class("mesos.v1.master.Response").FromString(data))
        (task,) = json.loads(data)["get_tasks"]["tasks"]
        return task["task_id"]["value"], task["name"]

    client = Client(playback, content_type)
    next(client.events(subscribe()))
    assert asked() == ("task-1", "task-1")
    client.made(accept("O1", "new.a", "new.b"))
    assert asked() == ("new.a", "task-1")


def test_an_operator_stream_has_the_ids_of_this_run_once_they_are_known(play):
    added = {"type": "TASK_ADDED", "task_added": {"task": tasks("task-1")["get_tasks"]["tasks"][0]}}
    operator = exchange(9, b'{"type":"SUBSCRIBE"}', STREAM, at=200)
    records = [event(n, 9, 300, f"json: '{text(added).decode()}'") for n in (1, 2)]
    playback = session(play, *SESSION, operator, *records, rebind=True)
    steps = playback.answer(request(b'{"type":"SUBSCRIBE"}'), 0.0).steps
    records = (json.loads(s.partition(b"\n")[2]) for _, s in steps if isinstance(s, bytes))
    assert next(records)["task_added"]["task"]["task_id"] == ident("task-1")
    client = Client(playback)
    next(client.events(subscribe()))
    client.made(accept("O1", "new.a", "new.b"))
    assert next(records)["task_added"]["task"]["task_id"] == ident("new.a")


def test_an_executor_gets_the_uuids_that_it_made(play):
    ids = {"executor_id": ident("e"), "framework_id": ident("f")}

    def updates(executor, number):
        status = {
            "task_id": ident("t"),
            "state": "TASK_RUNNING",
            "source": "SOURCE_EXECUTOR",
            "executor_id": ident(executor),
            "uuid": uuid(number),
        }
        own = ids | {"executor_id": ident(executor)}
        return own | {"type": "UPDATE", "update": {"status": status}}

    acknowledged = {
        "type": "ACKNOWLEDGED",
        "acknowledged": {"task_id": ident("t"), "uuid": uuid(1)},
    }
    path = "/api/v1/executor"
    joined = ids | {"type": "SUBSCRIBE", "subscribe": {}}
    playback = play(
        exchange(1, text(joined), STREAM, path=path),
        event(1, 1, 5.0, f"json: '{text(acknowledged).decode()}'"),
        exchange(2, text(updates("e", 1)), path=path),
        server="agent",
        rebind=True,
        pace=Instant(),
        causality="off",
    )
    mine = joined | {"executor_id": ident("mine")}
    steps = playback.answer(request(text(mine), path=path), 0.0).steps
    assert playback.answer(request(text(updates("mine", 7)), path=path), 0.0).status == 202
    (record,) = [step for _, step in steps if isinstance(step, bytes)]
    assert json.loads(record.partition(b"\n")[2])["acknowledged"]["uuid"] == uuid(7)


MESSAGES = [
    name
    for api in APIS
    for name in (api.call_message, api.event_message, api.response_message)
    if name
]


def filled(name):
    message = message_class(name)()
    Builder(0, True).fill(message)
    for number, field in enumerate(id_fields(message)):
        field.set_value(
            b"%d" % (number % 7) if field.kind == "uuid" else f"{field.kind} {number % 7}"
        )
    return message


def renamings(message, suffix):
    """Return bindings of all ids of a message, and the inverse."""
    pairs = {
        ScopedId(s.kind, s.scope, s.value): s.value + suffix(s.value) for s in id_fields(message)
    }
    there, back = IdBindings(), IdBindings()
    there.bind(pairs.items())
    for each, live in pairs.items():
        framework = pairs.get(ScopedId("framework-id", "", each.scope), "")
        back.bind([(ScopedId(each.kind, framework, live), each.value)])
    return there, back


@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("name", MESSAGES)
def test_rewriting_there_and_back_changes_nothing(name, encoding):
    message = filled(name)
    data = mapping.encode(message) if encoding == "json" else message.SerializePartialToString()
    there, back = renamings(message, lambda value: b"!" if isinstance(value, bytes) else "!")
    renamed = IdRewriter(there, name, encoding).rewrite_body(data)
    assert (renamed == data) == (not list(id_fields(message)))
    assert IdRewriter(back, name, encoding).rewrite_body(renamed) == data


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_a_call_is_translated_to_recorded_ids_and_the_given_one_is_not_changed(api):
    message = filled(api.call_message)
    there, _ = renamings(message, lambda value: b"!" if isinstance(value, bytes) else "!")
    renamed = IdRewriter(there, api.call_message, "protobuf").rewrite_body(
        message.SerializePartialToString()
    )
    call = message_class(api.call_message).FromString(renamed)
    matcher = IdMatcher(IgnoreRules())
    matcher.bindings = there
    (translated,) = matcher.comparable_calls((call,), api)
    assert (translated,) == without_defaults((message,))
    assert call == message_class(api.call_message).FromString(renamed)


def test_every_kind_of_id_is_found_in_calls():
    found = {field.kind for api in APIS for field in id_fields(filled(api.call_message))}
    assert found == set(ID_KINDS.values())
    assert {field.kind for field in id_fields(filled(AGENT.call_message))} == {
        "container-id",
        "resource-provider-id",
    }


NAMED = re.compile(rb'"(task_id|executor_id|container_id)": *{"value": *"')


def renamed(body, content_type):
    """Return a call in which every task, executor and container has another id."""
    if content_type == JSON:
        return NAMED.sub(rb"\g<0>my own ", body)
    call = message_class(SCHEDULER.call_message).FromString(body)
    for field in id_fields(call):
        if field.kind in ("task-id", "executor-id", "container-id"):
            field.set_value(f"my own {field.value}")
    return call.SerializeToString()


def task_ids_in(data, content_type):
    """Return the ids of tasks in a record."""
    event = mapping.decode(data, SCHEDULER.event_message) if content_type == JSON else None
    event = message_class(SCHEDULER.event_message).FromString(data) if event is None else event
    return [field.value for field in id_fields(event) if field.kind == "task-id"]


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("scheduler-json-pymesos", JSON), ("scheduler-protobuf-execute", PROTOBUF)],
)
def test_a_real_scheduler_may_give_its_tasks_other_ids(recorded, name, content_type):
    exchanges = playable(name)
    options = Options(pace=Instant(), causality="off", rebind=True)
    playback = Playback(recorded(name, exchanges), options)
    streams, names = [], []
    for each in exchanges:
        request = sent(each.request)
        if request.method == b"POST":
            request = replace(request, body=renamed(request.body, content_type))
        answer = playback.answer(request, 0.0)
        assert not isinstance(answer, Miss), str(answer)
        assert answer.status == each.response.status
        if isinstance(answer, StreamedResponse):
            streams.append((answer, each.response.records))
    assert playback.unused == []
    for answer, records in streams:
        got = [step.partition(b"\n")[2] for _, step in answer.steps if isinstance(step, bytes)]
        assert len(got) >= len(records)
        for old, data in zip(records, got, strict=False):
            before, after = task_ids_in(old, content_type), task_ids_in(data, content_type)
            assert after == [f"my own {each}" for each in before]
            assert (data == old) == (not before)
            names += after
    assert names


def test_a_record_is_rewritten_with_the_ids_that_are_bound_when_it_is_due(tmp_path):
    events = [greeting(), update("task-1", 1), update("task-1", 2)]
    documents = list(documents_of(subscribe(), accept("O1", "task-1"), events=events))
    for number, at in enumerate([1.5, 2.0, 9.0], 2):
        documents[number] = documents[number].replace("at: 100.0", f"at: {at}")
    path = tmp_path / "cassette.yaml"
    path.write_text(HEADER.format(server="master") + "".join(documents))
    options = Options(rebind=True, causality="off")
    with (
        Player(path, options, clock="manual") as player,
        connect(player.address) as wire,
        connect(player.address) as calls,
    ):
        wire.send(post(text(subscribe()), path=PATH.encode()))
        wire.until(b"\r\n\r\n")
        assert player.advance(seconds=2.0) == 2
        calls.send(
            post(text(accept("O1", "new")), b"Mesos-Stream-Id: " + STREAM_ID.encode(),
                 path=PATH.encode())
        )  # fmt: skip
        assert b"202" in calls.until(b"\r\n\r\n")
        assert player.advance(seconds=8.0) == 1
        for event in (greeting(), update("task-1", 1), update("new", 2)):
            chunk = record(text(event))
            assert json.loads(wire.exactly(len(chunk)).split(b"\n", 2)[2].rstrip()) == event
