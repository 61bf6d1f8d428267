import json
import re
from base64 import b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    reason_of,
    request,
)
from support.sample_messages import Builder
from support.scheduler_client import (
    GET_TASKS,
    PATH,
    STREAM_ID,
    Client,
    accept,
    call,
    ident,
    kill,
    subscribe,
    tasks,
    text,
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
from mesotape.proto import recordio
from mesotape.proto.api.apis import AGENT, APIS, SCHEDULER
from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import message_class
from mesotape.proto.messages.ids import ID_KINDS, id_fields
from mesotape.proxy.control.player import Player

SUBSCRIBED = STREAM.replace("Content-Type", f"Mesos-Stream-Id: {STREAM_ID}\n    Content-Type")


def uuid(number):
    return b64encode(UUID(int=number, version=4).bytes).decode()


def acknowledge(task, number, framework="f-old"):
    ids = {"agent_id": ident("a"), "task_id": ident(task), "uuid": uuid(number)}
    return call("ACKNOWLEDGE", framework, **ids)


def offers(*ids, framework="f-old"):
    offered = [
        {"id": ident(each), "framework_id": ident(framework), "agent_id": ident("a"),
         "hostname": "h"}
        for each in ids
    ]  # fmt: skip
    return {"type": "OFFERS", "offers": {"offers": offered}}


def update(task, number, **more):
    status = {"task_id": ident(task), "state": "TASK_RUNNING", "uuid": uuid(number)} | more
    return {"type": "UPDATE", "update": {"status": status}}


def greeting(framework="f-old"):
    told = {"framework_id": ident(framework), "heartbeat_interval_seconds": 15.0}
    return {"type": "SUBSCRIBED", "subscribed": told}


def documents_of(*calls, events=()):
    """Yield the documents of a cassette: its calls, and the events of the first, a SUBSCRIBE."""
    for number, each in enumerate(calls, 1):
        response = SUBSCRIBED if each["type"] == "SUBSCRIBE" else "status: 202"
        yield exchange(number, text(each), response, at=number, path=PATH)
    for number, told in enumerate(events, 1):
        yield event(number, 1, 100.0, f"json: '{text(told).decode()}'")


KINDS_OF_CLIENT = pytest.mark.parametrize("kind", [JSON, PROTOBUF])

SESSION = list(
    documents_of(
        subscribe(),
        accept("O1", "task-1", "task-2"),
        acknowledge("task-1", 1),
        acknowledge("task-2", 2),
        kill("task-2"),
        events=[
            greeting(),
            offers("O1"),
            update("task-1", 1),
            update("task-2", 2),
            update("task-1", 3),
        ],
    )
)


def session(play, *documents, **options):
    """Return a playback whose events do not wait for calls."""
    return play(*documents or SESSION, pace=Instant(), causality="off", **options)


@KINDS_OF_CLIENT
def test_ids_that_a_client_invents_come_back_to_it(play, kind):
    playback = session(play, rebind=True)
    client = Client(playback, kind)
    events = client.events(subscribe())
    assert next(events)["subscribed"]["framework_id"] == ident("f-old")
    assert next(events)["offers"]["offers"][0]["id"] == ident("O1")
    assert client.made(accept("O1", "new.a", "new.b")) == 202
    told = [next(events)["update"]["status"] for _ in range(3)]
    assert [each["task_id"]["value"] for each in told] == ["new.a", "new.b", "new.a"]
    assert [each["uuid"] for each in told] == [uuid(1), uuid(2), uuid(3)]
    assert client.made(acknowledge("new.a", 1)) == 202
    assert client.made(kill("new.b")) == 202
    assert client.made(acknowledge("new.b", 2)) == 202
    assert playback.unused == []
    assert playback.journal.missed_count == 0


def test_ids_that_differ_are_a_miss_without_rebind(play):
    client = Client(session(play))
    next(client.events(subscribe()))
    assert reason_of(client.send(accept("O1", "new.a", "new.b"))) == "differs"


@pytest.mark.parametrize(
    "sent",
    [
        kill("new.a"),
        kill("task-2"),
        acknowledge("new.b", 1),
        acknowledge("new.c", 1),
        accept("O1", "new.c", "new.d"),
        accept("O1", "new.a", "new.b"),
    ],
)
def test_a_call_that_contradicts_the_bindings_is_a_miss(play, sent):
    client = Client(session(play, rebind=True))
    list(client.events(subscribe()))
    assert client.made(accept("O1", "new.a", "new.b")) == 202
    assert reason_of(client.send(sent)) in ("differs", "already played")


def test_two_recorded_ids_do_not_become_one(play):
    client = Client(session(play, rebind=True))
    next(client.events(subscribe()))
    assert reason_of(client.send(accept("O1", "new.a", "new.a"))) == "differs"
    assert client.made(accept("O1", "new.a", "new.b")) == 202


def test_other_fields_still_count(play):
    client = Client(session(play, rebind=True))
    next(client.events(subscribe()))
    other = accept("O1", "new.a", "new.b")
    other["accept"]["operations"][0]["launch"]["task_infos"][0]["name"] = "m"
    miss = client.send(other)
    assert reason_of(miss) == "differs"
    assert reason_of(client.send(accept("O1", "new.a"))) == "differs"


def test_two_recorded_ids_may_be_swapped(play):
    client = Client(session(play, rebind=True))
    events = client.events(subscribe())
    next(events), next(events)
    assert client.made(accept("O1", "task-2", "task-1")) == 202
    assert client.made(kill("task-1")) == 202
    told = [each["update"]["status"]["task_id"]["value"] for each in events]
    assert told == ["task-2", "task-1", "task-2"]


def test_an_offer_that_was_sent_keeps_its_id(play):
    documents = documents_of(
        subscribe(),
        call("DECLINE", offer_ids=[ident("O1")]),
        accept("O2", "task-1"),
        events=[greeting(), offers("O1", "O2")],
    )
    client = Client(session(play, *documents, rebind=True))
    list(client.events(subscribe()))
    assert reason_of(client.send(accept("O1", "new"))) == "differs"
    assert reason_of(client.send(call("DECLINE", offer_ids=[ident("O2")]))) == "differs"
    assert client.made(accept("O2", "new")) == 202


def test_an_offer_that_was_never_sent_may_have_another_id(play):
    documents = documents_of(subscribe(), accept("O1", "t"), events=[greeting()])
    client = Client(session(play, *documents, rebind=True))
    list(client.events(subscribe()))
    assert client.made(accept("from-elsewhere", "new")) == 202


@KINDS_OF_CLIENT
def test_a_framework_keeps_the_id_of_an_earlier_run(play, kind):
    documents = documents_of(
        subscribe("f-old"),
        accept("O1", "task-1"),
        kill("task-1"),
        events=[greeting(), offers("O1"), update("task-1", 1)],
    )
    playback = session(play, *documents, rebind=True)
    client = Client(playback, kind)
    events = client.events(subscribe("f-new"))
    assert next(events)["subscribed"]["framework_id"] == ident("f-new")
    assert next(events)["offers"]["offers"][0]["framework_id"] == ident("f-new")
    assert client.made(accept("O1", "new", framework="f-new")) == 202
    assert next(events)["update"]["status"]["task_id"] == ident("new")
    assert reason_of(client.send(kill("new", framework="f-old"))) == "differs"
    assert client.made(kill("new", framework="f-new")) == 202


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


def test_tasks_with_the_same_id_in_two_frameworks_are_different(play):
    documents = documents_of(
        subscribe("f1"),
        accept("O1", "task-1", framework="f1"),
        accept("O2", "task-1", framework="f2"),
        kill("task-1", framework="f1"),
        kill("task-1", framework="f2"),
        events=[greeting("f1")],
    )
    client = Client(session(play, *documents, rebind=True))
    list(client.events(subscribe("f1")))
    assert client.made(accept("O1", "x", framework="f1")) == 202
    assert client.made(accept("O2", "y", framework="f2")) == 202
    assert client.made(kill("y", framework="f2")) == 202
    assert reason_of(client.send(kill("y", framework="f1"))) == "differs"
    assert client.made(kill("x", framework="f1")) == 202


def test_the_ids_of_a_framework_are_forgotten_when_it_registers_again(play):
    playback = session(play, rebind=True, repeat=["cycle"])
    for names in (("a", "b"), ("c", "d"), ("a", "b")):
        client = Client(playback)
        events = client.events(subscribe())
        next(events), next(events)
        assert client.made(accept("O1", *names)) == 202
        told = [next(events)["update"]["status"]["task_id"]["value"] for _ in range(3)]
        assert told == [names[0], names[1], names[0]]
        for call_of in (acknowledge(names[0], 1), acknowledge(names[1], 2), kill(names[1])):
            assert client.made(call_of) == 202


def test_a_stream_id_of_this_run_replaces_one_from_before_the_recording(play):
    recorded = exchange(1, text(kill("task-1")), path=PATH).replace(
        "    Accept:", "    Mesos-Stream-Id: before\n    Accept:"
    )
    client = Client(session(play, recorded, rebind=True), stream_id="now")
    assert client.made(kill("new")) == 202
    again = exchange(2, text(kill("task-2")), path=PATH).replace(
        "    Accept:", "    Mesos-Stream-Id: before\n    Accept:"
    )
    playback = session(play, recorded, again, rebind=True)
    assert Client(playback, stream_id="now").made(kill("task-1")) == 202
    assert Client(playback, stream_id="another").send(kill("task-2")).status == 400
    assert Client(playback, stream_id="now").made(kill("task-2")) == 202


def test_a_miss_lists_only_differences_besides_bound_ids(play):
    client = Client(session(play, rebind=True))
    list(client.events(subscribe()))
    assert client.made(accept("O1", "new.a", "new.b")) == 202
    miss = client.send(kill("new.b") | {"kill": kill("new.b")["kill"] | {"agent_id": ident("z")}})
    (near,) = miss.nearest
    assert [str(each) for each in near.differences] == ['kill.agent_id.value: (absent) → "z"']


@pytest.mark.parametrize("recorded", [JSON, PROTOBUF])
@pytest.mark.parametrize("kind", [JSON, PROTOBUF])
def test_operators_get_the_ids_of_this_run(play, kind, recorded):
    response = f"status: 200\n  headers:\n    Content-Type: {recorded}\n"
    body = text(tasks("task-1")).decode()
    response += f"  json: '{body}'" if recorded == JSON else f"  proto: '{body}'"
    operator = exchange(9, GET_TASKS, response, accept=recorded)
    playback = session(play, *SESSION, operator, rebind=True)

    def asked():
        answer = playback.answer(request(GET_TASKS, Accept=kind), 0.0)
        assert f"Content-Length: {len(answer.body)}\r\n".encode() in answer.head
        data = answer.body
        if kind == PROTOBUF:
            data = mapping.encode(message_class("mesos.v1.master.Response").FromString(data))
        (task,) = json.loads(data)["get_tasks"]["tasks"]
        return task["task_id"]["value"], task["name"]

    client = Client(playback, kind)
    next(client.events(subscribe()))
    assert asked() == ("task-1", "task-1")
    client.made(accept("O1", "new.a", "new.b"))
    assert asked() == ("new.a", "task-1")


def test_an_operator_stream_has_the_ids_of_this_run_once_they_are_known(play):
    added = {"type": "TASK_ADDED", "task_added": {"task": tasks("task-1")["get_tasks"]["tasks"][0]}}
    operator = exchange(9, b'{"type":"SUBSCRIBE"}', STREAM, at=200)
    told = [event(n, 9, 300, f"json: '{text(added).decode()}'") for n in (1, 2)]
    playback = session(play, *SESSION, operator, *told, rebind=True)
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


def test_a_session_and_its_input_go_by_the_container_of_this_run(play):
    def container(name):
        return {"parent": ident("p"), "value": name}

    def launch(name):
        inner = {"container_id": container(name)}
        kind = "LAUNCH_NESTED_CONTAINER_SESSION"
        return text({"type": kind, kind.lower(): inner})

    def typed(name):
        inner = {"type": "CONTAINER_ID", "container_id": container(name)}
        return text({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": inner})

    recorded = exchange(2, "", content_type="application/recordio").replace(
        "application/recordio", "application/recordio\n    Message-Content-Type: application/json"
    )
    playback = play(
        exchange(1, launch("old"), STREAM),
        recorded.replace("\n  \nresponse", "\n  stream: recordio\nresponse"),
        f"---\nevent: 1\nof: 2\nat: 0.0\nfrom: client\ntext: '{typed('old').decode()}'\n...\n",
        server="agent",
        rebind=True,
        causality="off",
    )
    kinds = {"content_type": "application/recordio", "Message_Content_Type": JSON}
    assert playback.answer(request(launch("new")), 0.0).status == 200
    other = request(recordio.encode(typed("other")), **kinds)
    assert reason_of(playback.answer(other, 0.0)) == "differs"
    mine = request(recordio.encode(typed("new")), **kinds)
    assert playback.answer(mine, 0.0).status == 202


MESSAGES = [
    name
    for api in APIS
    for name in (api.call_message, api.event_message, api.response_message)
    if name
]


def filled(name):
    message = message_class(name)()
    Builder(0, True).fill(message)
    for number, slot in enumerate(id_fields(message)):
        slot.set_value(b"%d" % (number % 7) if slot.kind == "uuid" else f"{slot.kind} {number % 7}")
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
    rebinding = IdMatcher(IgnoreRules())
    rebinding.bindings = there
    (said,) = rebinding.comparable_calls((call,), api)
    assert said == message
    assert call.SerializePartialToString() == renamed


values = st.sampled_from("abc")


@given(st.lists(st.tuples(values, values)))
def test_bindings_stay_one_to_one(pairs):
    bindings, kept = IdBindings(), {}
    for old, live in pairs:
        pair = (ScopedId("task-id", "f", old), live)
        fits = kept.get(old, live) == live and all(
            live != other or old == one for one, other in kept.items()
        )
        assert bindings.can_bind([pair]) == fits
        if fits:
            bindings.bind([pair])
            kept[old] = live
    for old, live in kept.items():
        assert bindings.live_value(ScopedId("task-id", "f", old)) == live
        assert bindings.recorded_value(ScopedId("task-id", "f", live)) == old


@given(st.lists(st.tuples(values, values)))
def test_pairs_can_be_bound_together_if_they_can_one_after_the_other(pairs):
    together, one_by_one = IdBindings(), IdBindings()
    named = [(ScopedId("task-id", "f", old), live) for old, live in pairs]
    fits = True
    for pair in named:
        fits = fits and one_by_one.can_bind([pair])
        if fits:
            one_by_one.bind([pair])
    assert together.can_bind(named) == fits


def test_every_kind_of_id_is_found_in_calls():
    found = {slot.kind for api in APIS for slot in id_fields(filled(api.call_message))}
    assert found == set(ID_KINDS.values())
    assert {slot.kind for slot in id_fields(filled(AGENT.call_message))} == {
        "container-id",
        "resource-provider-id",
    }


NAMED = re.compile(rb'"(task_id|executor_id|container_id)": *{"value": *"')


def renamed(body, kind):
    """Return a call in which every task, executor and container has another id."""
    if kind == JSON:
        return NAMED.sub(rb"\g<0>my own ", body)
    call = message_class(SCHEDULER.call_message).FromString(body)
    for slot in id_fields(call):
        if slot.kind in ("task-id", "executor-id", "container-id"):
            slot.set_value(f"my own {slot.value}")
    return call.SerializeToString()


def task_ids_in(data, kind):
    """Return the ids of tasks in a record."""
    event = mapping.decode(data, SCHEDULER.event_message) if kind == JSON else None
    event = message_class(SCHEDULER.event_message).FromString(data) if event is None else event
    return [slot.value for slot in id_fields(event) if slot.kind == "task-id"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("scheduler-json-pymesos", JSON), ("scheduler-protobuf-execute", PROTOBUF)],
)
def test_a_real_scheduler_may_give_its_tasks_other_ids(recorded, name, kind):
    exchanges = playable(name)
    options = Options(pace=Instant(), causality="off", rebind=True)
    playback = Playback(recorded(name, exchanges), options)
    streams, names = [], []
    for each in exchanges:
        told = sent(each.request)
        if told.method == b"POST":
            told = replace(told, body=renamed(told.body, kind))
        answer = playback.answer(told, 0.0)
        assert not isinstance(answer, Miss), str(answer)
        assert answer.status == each.response.status
        if isinstance(answer, StreamedResponse):
            streams.append((answer, each.response.records))
    assert playback.unused == []
    for answer, records in streams:
        got = [step.partition(b"\n")[2] for _, step in answer.steps if isinstance(step, bytes)]
        assert len(got) >= len(records)
        for old, data in zip(records, got, strict=False):
            before, after = task_ids_in(old, kind), task_ids_in(data, kind)
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
        for told in (greeting(), update("task-1", 1), update("new", 2)):
            chunk = record(text(told))
            assert json.loads(wire.exactly(len(chunk)).split(b"\n", 2)[2].rstrip()) == told
