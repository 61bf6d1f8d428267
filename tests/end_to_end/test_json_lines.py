"""`--json`: what happens while `record` and `replay` run, a line of JSON each."""

import http.client
import json
from pathlib import Path

from support.cassette_builder import BEAT, SUBSCRIBE, call, said, stream, written
from support.commands import running
from support.sockets import connect, eventually, post

HEALTH = said("GET_HEALTH", get_health={"healthy": True})
ON_API = {"client": 1, "method": "POST", "path": "/api/v1"}


def lines(printed: str) -> list[dict[str, object]]:
    """Decode what was printed, without the times."""
    found = [json.loads(line) for line in printed.splitlines()]
    for each in found[1:-1]:
        assert isinstance(each.pop("at"), float)
    return found


def ask(address: tuple[str, int]) -> None:
    """Make three calls, of which the second is a stream and the third is not recorded."""
    client = http.client.HTTPConnection(*address, timeout=20)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer 7Kq2mVx9TzR4bNw8"}
    for body in (said("GET_HEALTH"), SUBSCRIBE, said("GET_STATE")):
        client.request("POST", "/api/v1", body, headers)
        client.getresponse().read()
    client.close()


def test_programs_read_what_happens(tmp_path: Path) -> None:
    events = stream(2, 1.0, [(1.1, BEAT), (1.2, BEAT)], end=(1.5, "server"))
    played = written(tmp_path / "c.yaml", call(1, 0.0, said("GET_HEALTH"), HEALTH), events)
    printed = tmp_path / "lines.jsonl"
    with running("replay", played, "--json") as cluster, printed.open("w") as out:
        words = ("record", cluster.url, "-o", tmp_path / "new.yaml", "--json")
        with running(*words, stdout=out) as recorder:
            ask(recorder.address)
            eventually(lambda: "GET_STATE" in printed.read_text() or None, "its line")
    ready, health, opened, end, state, note, counts = lines(printed.read_text())
    assert ready == {"ready": recorder.url}
    assert health == {
        "event": "call",
        "exchange": 1,
        "type": "GET_HEALTH",
        "status": 200,
        **ON_API,
    }
    assert opened == {
        "event": "stream",
        "exchange": 2,
        "type": "SUBSCRIBE",
        "status": 200,
        **ON_API,
    }
    assert end == {"event": "end", "exchange": 2, "cause": "server", "events": 2}
    assert state == {"event": "call", "exchange": 3, "type": "GET_STATE", "status": 501, **ON_API}
    assert note == {"event": "note", "note": "secrets replaced: authorization 3"}
    assert (counts["exchanges"], counts["events"]) == (3, 2)

    ready, health, subscribe, opened, end, state, miss, counts = lines(cluster.out)
    made = {"event": "call", "api": "master", **ON_API}
    assert ready == {"ready": cluster.url}
    assert health == {**made, "type": "GET_HEALTH", "outcome": "served", "exchange": 1}
    assert subscribe == {**made, "type": "SUBSCRIBE", "outcome": "served", "exchange": 2}
    sent = {"stream": 1, "client": 1, "type": "SUBSCRIBE", "exchange": 2}
    assert opened == {"event": "stream", **sent}
    assert end == {"event": "end", **sent, "events": 2}
    assert state == {**made, "type": "GET_STATE", "outcome": "missed"}
    assert miss["miss"] == "nothing recorded for this call"
    assert (counts["served"], counts["missed"]) == (2, 1)


def test_a_program_that_reads_nothing_stops_no_replay(tmp_path: Path) -> None:
    path = written(tmp_path / "c.yaml", call(1, 0.0, said("GET_HEALTH"), HEALTH))
    with running("replay", path, "--json") as replay:
        with connect(replay.address) as client:
            for _ in range(1000):  # Their lines are longer than a pipe holds.
                client.send(post(said("GET_HEALTH").encode()))
                assert client.message().endswith(HEALTH.encode())
        assert replay.stop() == 0
    assert len(lines(replay.out)) == 1002
