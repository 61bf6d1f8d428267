"""A scheduler client that talks to a playback, and the calls that it makes."""

import json

from mesotape.cassettes.answers.answer import StreamedResponse
from mesotape.cassettes.matching.misses import Miss
from mesotape.proto.api.apis import SCHEDULER
from mesotape.proto.messages import mapping
from mesotape.proto.messages.descriptors import message_class
from support.playback_cassettes import (
    JSON,
    PROTOBUF,
    request,
)

PATH = "/api/v1/scheduler"

STREAM_ID = "8833f851-2a1f-4f5e-9d4c-8f0b6f4d1f00"


def ident(value):
    return {"value": value}


def subscribe(framework=None):
    info = {"user": "u", "name": "n"} | ({"id": ident(framework)} if framework else {})
    own = {"framework_id": ident(framework)} if framework else {}
    return own | {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}


def call(kind, framework="f-old", **content):
    return {"framework_id": ident(framework), "type": kind, kind.lower(): content}


def accept(offer, *tasks, framework="f-old"):
    infos = [
        {"name": "n", "task_id": ident(task), "agent_id": ident("a"), "command": {"value": "x"}}
        for task in tasks
    ]
    operations = [{"type": "LAUNCH", "launch": {"task_infos": infos}}]
    return call("ACCEPT", framework, offer_ids=[ident(offer)], operations=operations)


def kill(task, framework="f-old"):
    return call("KILL", framework, task_id=ident(task))


def text(message):
    return json.dumps(message, separators=(",", ":")).encode()


class Client:
    """A scheduler of this run, in either encoding."""

    def __init__(self, playback, kind=JSON, stream_id=STREAM_ID):
        self.playback, self.kind, self.stream_id = playback, kind, stream_id

    def send(self, message):
        body = text(message)
        if self.kind == PROTOBUF:
            body = mapping.decode(body, SCHEDULER.call_message).SerializeToString()
        headers = {"content_type": self.kind, "Accept": self.kind}
        if message["type"] != "SUBSCRIBE":
            headers["Mesos_Stream_Id"] = self.stream_id
        return self.playback.answer(request(body, path=PATH, **headers), 0.0)

    def made(self, message):
        answer = self.send(message)
        assert not isinstance(answer, Miss), str(answer)
        return answer.status

    def events(self, message):
        """Yield the events of a stream, each read when it is asked for."""
        answer = self.send(message)
        assert isinstance(answer, StreamedResponse), str(answer)
        for _, step in answer.steps:
            if isinstance(step, bytes):
                yield self.read(step.partition(b"\n")[2])

    def read(self, data, message=SCHEDULER.event_message):
        if self.kind == JSON:
            return json.loads(data)
        return json.loads(mapping.encode(message_class(message).FromString(data)))


GET_TASKS = b'{"type":"GET_TASKS"}'


def tasks(name):
    task = {
        "name": name,
        "task_id": ident(name),
        "framework_id": ident("f-old"),
        "agent_id": ident("a"),
        "state": "TASK_RUNNING",
        "resources": [],
    }
    return {"type": "GET_TASKS", "get_tasks": {"tasks": [task]}}
