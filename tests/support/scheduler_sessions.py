"""Recorded sessions of a scheduler, and playbacks of them whose events do not wait."""

from base64 import b64encode
from uuid import UUID

from mesotape.cassettes.answers.pace import Instant
from support.playback_cassettes import (
    STREAM,
    event,
    exchange,
)
from support.scheduler_client import (
    PATH,
    STREAM_ID,
    accept,
    call,
    ident,
    kill,
    subscribe,
    text,
)

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
    subscribed = {"framework_id": ident(framework), "heartbeat_interval_seconds": 15.0}
    return {"type": "SUBSCRIBED", "subscribed": subscribed}


def documents_of(*calls, events=()):
    """Yield the documents of a cassette: its calls, and the events of the first, a SUBSCRIBE."""
    for number, each in enumerate(calls, 1):
        response = SUBSCRIBED if each["type"] == "SUBSCRIBE" else "status: 202"
        yield exchange(number, text(each), response, at=number, path=PATH)
    for number, each in enumerate(events, 1):
        yield event(number, 1, 100.0, f"json: '{text(each).decode()}'")


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
