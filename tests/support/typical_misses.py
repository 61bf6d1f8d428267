"""Typical misses: requests that a cassette does not answer, and the reports of them."""

import base64

from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.journal import RefusedRequest
from support.playback_cassettes import GET_HEALTH, TEARDOWN, answering, exchange, request
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

GET = {"method": "GET", "content_type": None}


def scheduled(*calls):
    return [exchange(number, text(each), path=PATH) for number, each in enumerate(calls, 1)]


def launch(script, **changes):
    """An ACCEPT that launches a task with a long script."""
    made = accept("O1", "task-1")
    (task,) = made["accept"]["operations"][0]["launch"]["task_infos"]
    task["command"] = {"value": script, "user": "nobody"} | changes
    return made


def plain(number, path):
    return exchange(number, "", answering("x"), method="GET", path=path)


SCRIPT = " && ".join(f"step {number} --of 400" for number in range(400))
DATA = bytes(range(256)) * 40


def with_data(data):
    made = accept("O1", "task-1")
    (task,) = made["accept"]["operations"][0]["launch"]["task_infos"]
    task["data"] = base64.b64encode(data).decode()
    return made


def crowded(number):
    """An ACCEPT in which many fields are other ones."""
    names = [f"{name}-{number}" for name in ("a", "b", "c", "d", "e", "f")]
    made = accept("O1", *names)
    for task in made["accept"]["operations"][0]["launch"]["task_infos"]:
        task["name"] = f"name of {task['task_id']['value']}"
        task["command"]["value"] = f"sleep {number}"
    return made


TYPICAL = {
    "other-ids": lambda play: (
        play(*scheduled(subscribe(), accept("b5ed-O6", "task-1"), kill("task-1"))),
        [accept("b5ed-O7", "sleeper.3fa2")],
    ),
    "another-value": lambda play: (
        play(*scheduled(launch(SCRIPT), launch(SCRIPT, user="somebody"))),
        [launch(SCRIPT.replace("step 200", "step 2oo"))],
    ),
    "already-played": lambda play: (
        play(*scheduled(call("DECLINE", offer_ids=[ident("O1")]), call("REVIVE"))),
        [call("DECLINE", offer_ids=[ident("O1")])] * 2,
    ),
    "nothing-recorded": lambda play: (
        play(exchange(1), exchange(2, b'{"type":"GET_AGENTS"}'), exchange(3, TEARDOWN)),
        [request(b'{"type":"GET_STATE"}')],
    ),
    "another-query": lambda play: (
        play(plain(1, "/tasks?task_id=task-1&limit=10"), plain(2, "/version")),
        [request(b"", path="/tasks?task_id=task-2&limit=10", **GET)],
    ),
    "many-differences": lambda play: (
        play(*scheduled(crowded(1), crowded(2), with_data(DATA))),
        [crowded(3)],
    ),
    "bytes-of-a-task": lambda play: (
        play(*scheduled(with_data(DATA))),
        [with_data(DATA[:5000] + b"!" + DATA[5001:])],
    ),
    "refused": lambda play: (
        play(exchange(1)),
        [request(GET_HEALTH, content_type="text/plain")],
    ),
}


def typical_report(play, name):
    """Return the report of the last request of a typical miss: a Miss, or a RefusedRequest."""
    playback, sent = TYPICAL[name](play)
    notes = []
    playback.journal.on_note = notes.append
    client = Client(playback)
    for each in sent:
        answer = client.send(each) if isinstance(each, dict) else playback.answer(each, 0.0)
    report = answer if isinstance(answer, Miss) else notes[-1]
    assert isinstance(report, Miss | RefusedRequest)
    return report
