"""Calls that equal recorded ones but for their ids match these."""

import pytest
from support.playback_cassettes import (
    JSON,
    PROTOBUF,
    STREAM,
    exchange,
    reason_of,
    request,
)
from support.scheduler_client import (
    PATH,
    Client,
    accept,
    call,
    ident,
    kill,
    subscribe,
    text,
)
from support.scheduler_sessions import (
    acknowledge,
    documents_of,
    greeting,
    offers,
    session,
    update,
    uuid,
)

from mesotape.proto import recordio

JSON_AND_PROTOBUF = pytest.mark.parametrize("content_type", [JSON, PROTOBUF])


@JSON_AND_PROTOBUF
def test_ids_that_a_client_invents_come_back_to_it(play, content_type):
    playback = session(play, rebind=True)
    client = Client(playback, content_type)
    events = client.events(subscribe())
    assert next(events)["subscribed"]["framework_id"] == ident("f-old")
    assert next(events)["offers"]["offers"][0]["id"] == ident("O1")
    assert client.made(accept("O1", "new.a", "new.b")) == 202
    statuses = [next(events)["update"]["status"] for _ in range(3)]
    assert [each["task_id"]["value"] for each in statuses] == ["new.a", "new.b", "new.a"]
    assert [each["uuid"] for each in statuses] == [uuid(1), uuid(2), uuid(3)]
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
    task_ids = [each["update"]["status"]["task_id"]["value"] for each in events]
    assert task_ids == ["task-2", "task-1", "task-2"]


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


@JSON_AND_PROTOBUF
def test_a_framework_keeps_the_id_of_an_earlier_run(play, content_type):
    documents = documents_of(
        subscribe("f-old"),
        accept("O1", "task-1"),
        kill("task-1"),
        events=[greeting(), offers("O1"), update("task-1", 1)],
    )
    playback = session(play, *documents, rebind=True)
    client = Client(playback, content_type)
    events = client.events(subscribe("f-new"))
    assert next(events)["subscribed"]["framework_id"] == ident("f-new")
    assert next(events)["offers"]["offers"][0]["framework_id"] == ident("f-new")
    assert client.made(accept("O1", "new", framework="f-new")) == 202
    assert next(events)["update"]["status"]["task_id"] == ident("new")
    assert reason_of(client.send(kill("new", framework="f-old"))) == "differs"
    assert client.made(kill("new", framework="f-new")) == 202


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
        task_ids = [next(events)["update"]["status"]["task_id"]["value"] for _ in range(3)]
        assert task_ids == [names[0], names[1], names[0]]
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


def test_a_session_and_its_input_use_the_container_of_this_run(play):
    def container(name):
        return {"parent": ident("p"), "value": name}

    def launch(name):
        inner = {"container_id": container(name)}
        name = "LAUNCH_NESTED_CONTAINER_SESSION"
        return text({"type": name, name.lower(): inner})

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
