"""Mesos-Stream-Id at replay, and what a second subscription does to the first."""

import datetime
import json

import pytest
from support.captures import expected, load

from mesotape.cassettes.answers.answer import Ending, ReplayResponse, StreamedResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.format import yaml_writer
from mesotape.cassettes.format.documents import End, Event, Exchange, Header, Request, Response
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest
from mesotape.proto.messages import mapping
from mesotape.proto.recordio import decode

JSON, PROTOBUF = "application/json", "application/x-protobuf"
SCHEDULER, PROVIDER = "/api/v1/scheduler", "/api/v1/resource_provider"
ONE, TWO, FOREIGN = "11111111-aaaa", "22222222-bbbb", "99999999-ffff"
MISSING = b"All non-subscribe calls should include the 'Mesos-Stream-Id' header"


def said(call, framework="f", **more):
    return json.dumps({"framework_id": {"value": framework}, "type": call} | more)


def subscribe(framework=None):
    info = {"user": "root", "name": "n"} | ({"id": {"value": framework}} if framework else {})
    call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
    return json.dumps(call | ({"framework_id": {"value": framework}} if framework else {}))


def subscribed(framework="f"):
    event = {"framework_id": {"value": framework}, "heartbeat_interval_seconds": 15.0}
    return json.dumps({"type": "SUBSCRIBED", "subscribed": event}, separators=(",", ":"))


def exchange(number, text, response, *, stream_id=None, path=SCHEDULER, at=0.0):
    headers = {"Content-Type": JSON} | ({"Mesos-Stream-Id": stream_id} if stream_id else {})
    request = Request(method="POST", path=path, headers=headers, text=text)
    return Exchange(exchange=number, at=at, client=number, request=request, response=response)


def stream(number, text, stream_id, events, *, path=SCHEDULER, at=0.0, kind=JSON):
    """A subscription that the client ended."""
    headers = {"Transfer-Encoding": "chunked", "Mesos-Stream-Id": stream_id, "Content-Type": kind}
    response = Response(after=0.1, status=200, headers=headers, stream="recordio")
    yield exchange(number, text, response, path=path, at=at)
    for n, event in enumerate(events, 1):
        body = {"text": event} if isinstance(event, str) else {"base64": event}
        yield Event(event=n, of=number, at=at + n, **body)
    yield End(end=number, at=at + 100.0, cause="client")


def accepted(number, text, stream_id, *, path=SCHEDULER):
    return exchange(number, text, Response(after=0.1, status=202), stream_id=stream_id, path=path)


def refused(number, text, stream_id, why, status=400):
    response = Response(
        after=0.1,
        status=status,
        headers={"Content-Type": "text/plain; charset=utf-8", "Content-Length": "0"},
        text=why,
    )
    return exchange(number, text, response, stream_id=stream_id)


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*documents, server="master"):
        at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        path = tmp_path / f"{len(opened)}.yaml"
        header = Header(mesotape=1, server=server, recorded_at=at)
        path.write_bytes(b"".join(map(yaml_writer.format_document, [header, *documents])))
        opened.append(Cassette.open(path))
        return Playback(opened[-1], Options(pace=Instant()))

    yield playback
    for cassette in opened:
        cassette.close()


def call(playback, text, stream_id=None, *, path=SCHEDULER, accept=JSON):
    headers = {"Content-Type": JSON, "Accept": accept}
    headers |= {"Mesos-Stream-Id": stream_id} if stream_id is not None else {}
    pairs = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return playback.answer(HttpRequest(b"POST", path.encode(), pairs, text.encode()), 5.0)


def told(answer):
    assert isinstance(answer, ReplayResponse)
    return answer.status, answer.body


class Server:
    """Keeps a stream of a playback, and the steps by which the playback replaced its own."""

    def __init__(self, answer):
        assert isinstance(answer, StreamedResponse)
        self.answer, self.instead = answer, None
        answer.handle.attach(self.turn)

    def turn(self, steps):
        self.instead = list(steps)

    def leave(self):
        self.answer.handle.mark_over(client_left=True)


LIFE = [*stream(1, subscribe(), ONE, [subscribed()]), accepted(2, said("REVIVE"), ONE)]
AGAIN = [*LIFE, *stream(3, subscribe("f"), TWO, [subscribed()], at=50.0)]


def test_a_call_with_the_id_of_its_open_stream_is_answered(play):
    playback = play(*LIFE)
    Server(call(playback, subscribe()))
    assert told(call(playback, said("REVIVE"), ONE)) == (202, b"")


def test_a_call_without_an_id_is_refused(play):
    playback = play(*LIFE)
    Server(call(playback, subscribe()))
    assert told(call(playback, said("REVIVE"))) == (400, MISSING)
    assert playback.journal.missed_count == 0
    assert playback.journal.refused_count == 1
    assert "Mesos-Stream-Id" in str(playback.journal.refusals[0])
    assert told(call(playback, said("REVIVE"), ONE)) == (202, b"")


def test_a_call_with_another_id_is_refused(play):
    playback = play(*LIFE)
    Server(call(playback, subscribe()))
    assert told(call(playback, said("REVIVE"), TWO)) == (
        400,
        b"The stream ID '22222222-bbbb' included in this request didn't match the stream ID "
        b"currently associated with framework ID f",
    )


def left(playback):
    Server(call(playback, subscribe())).leave()


@pytest.mark.parametrize(
    ("before", "stream_id", "reason", "differences"),
    [
        (lambda playback: None, ONE, "not subscribed", ()),
        (left, ONE, "not subscribed", ()),
        (
            lambda playback: Server(call(playback, subscribe())),
            None,
            "no stream id",
            ("Mesos-Stream-Id: 11111111-aaaa → (absent)",),
        ),
        (
            lambda playback: Server(call(playback, subscribe())),
            TWO,
            "another stream id",
            ("Mesos-Stream-Id: 11111111-aaaa → 22222222-bbbb",),
        ),
    ],
)
def test_a_refusal_reports_why(play, before, stream_id, reason, differences):
    playback = play(*LIFE)
    before(playback)
    answer = call(playback, said("REVIVE"), stream_id)
    assert told(answer)[0] in (400, 403)
    (refusal,) = playback.journal.refusals
    assert refusal.miss.reason == reason
    assert refusal.miss.option is None
    assert "SUBSCRIBE" in refusal.miss.advice
    assert tuple(map(str, refusal.miss.nearest[0].differences)) == differences


def test_a_call_that_was_not_recorded_is_refused_for_its_id_first(play):
    playback = play(*LIFE)
    assert isinstance(call(playback, said("SUPPRESS"), ONE), Miss)
    Server(call(playback, subscribe()))
    assert told(call(playback, said("SUPPRESS")))[0] == 400
    assert isinstance(call(playback, said("SUPPRESS"), ONE), Miss)


def test_a_framework_is_unknown_until_it_subscribes(play):
    playback = play(*LIFE)
    assert told(call(playback, said("REVIVE"), ONE)) == (400, b"Framework cannot be found")
    Server(call(playback, subscribe()))
    assert told(call(playback, said("REVIVE"), ONE)) == (202, b"")


def test_a_framework_that_left_its_stream_is_not_subscribed(play):
    playback = play(*LIFE)
    Server(call(playback, subscribe())).leave()
    assert told(call(playback, said("REVIVE"), ONE)) == (403, b"Framework is not subscribed")


def test_a_stream_that_was_played_to_its_end_still_counts(play):
    playback = play(*LIFE)
    Server(call(playback, subscribe())).answer.handle.mark_over(client_left=False)
    assert told(call(playback, said("REVIVE"), ONE)) == (202, b"")


def test_a_subscription_with_an_id_is_refused(play):
    playback = play(*LIFE)
    assert told(call(playback, subscribe(), ONE)) == (
        400,
        b"Subscribe calls should not include the 'Mesos-Stream-Id' header",
    )
    Server(call(playback, subscribe()))


def test_a_client_that_subscribes_again_has_the_id_of_the_new_stream(play):
    playback = play(*AGAIN)
    Server(call(playback, subscribe()))
    Server(call(playback, subscribe("f")))
    assert told(call(playback, said("REVIVE"), ONE))[0] == 400
    assert told(call(playback, said("REVIVE"), TWO)) == (202, b"")


def test_a_client_that_subscribes_again_ends_its_old_stream(play):
    playback = play(*AGAIN)
    old = Server(call(playback, subscribe()))
    new = Server(call(playback, subscribe("f")))
    (at, record), (_, ending) = old.instead
    assert at == 5.0
    assert decode(record) == [b'{"type":"ERROR","error":{"message":"Framework failed over"}}']
    assert ending is Ending.FINAL_CHUNK
    assert new.instead is None


def test_the_old_stream_ends_in_its_own_encoding(play):
    event = mapping.decode(subscribed().encode(), "mesos.v1.scheduler.Event").SerializeToString()
    recorded = stream(1, subscribe(), ONE, [event], kind=PROTOBUF)
    playback = play(*recorded, *stream(3, subscribe("f"), TWO, [subscribed()]))
    old = Server(call(playback, subscribe(), accept=PROTOBUF))
    Server(call(playback, subscribe("f")))
    (record,) = decode(old.instead[0][1])
    assert record.endswith(b"Framework failed over")


def test_a_stream_that_is_over_is_not_ended_again(play):
    playback = play(*AGAIN)
    old = Server(call(playback, subscribe()))
    old.leave()
    Server(call(playback, subscribe("f")))
    assert old.instead is None


def test_a_refused_subscription_ends_no_stream(play):
    error = '{"type":"ERROR","error":{"message":"Framework has been removed"}}'
    playback = play(*LIFE, *stream(3, subscribe("f"), TWO, [error], at=50.0))
    old = Server(call(playback, subscribe()))
    call(playback, subscribe("f"))
    assert old.instead is None
    assert told(call(playback, said("REVIVE"), ONE)) == (202, b"")


def test_a_recorded_refusal_is_preferred(play):
    other = "The stream ID 'x' included in this request didn't match the stream ID currently"
    playback = play(
        *LIFE[:3],
        refused(
            4,
            said("REVIVE"),
            None,
            "All non-subscribe calls should include the 'Mesos-Stream-Id' header!",
        ),
        refused(5, said("REVIVE"), "x", other),
        *LIFE[3:],
    )
    Server(call(playback, subscribe()))
    assert told(call(playback, said("REVIVE"), "x")) == (400, other.encode())
    assert told(call(playback, said("REVIVE")))[1].endswith(b"!")
    assert told(call(playback, said("REVIVE"), ONE)) == (202, b"")
    assert playback.journal.refused_count == 0
    assert told(call(playback, said("REVIVE"))) == (400, MISSING)
    assert playback.journal.refused_count == 1


def test_a_refusal_recorded_after_the_end_of_a_stream_is_served_last(play):
    gone = refused(4, said("REVIVE"), ONE, "Framework is not subscribed", status=403)
    playback = play(*LIFE, gone)
    Server(call(playback, subscribe())).answer.handle.mark_over(client_left=False)
    assert told(call(playback, said("REVIVE"), ONE))[0] == 202
    assert told(call(playback, said("REVIVE"), ONE))[0] == 403
    assert isinstance(call(playback, said("REVIVE"), ONE), Miss)


def test_a_stream_from_before_the_recording_counts_as_open(play):
    calls = [accepted(number, said("REVIVE"), FOREIGN) for number in (1, 2, 3)]
    playback = play(*calls, *stream(4, subscribe("f"), TWO, [subscribed()], at=50.0))
    assert told(call(playback, said("REVIVE"), FOREIGN)) == (202, b"")
    assert told(call(playback, said("REVIVE"), ONE)) == (400, b"Framework cannot be found")
    Server(call(playback, subscribe("f")))
    assert told(call(playback, said("REVIVE"), FOREIGN))[0] == 400
    assert told(call(playback, said("REVIVE"), TWO)) == (202, b"")


def test_calls_without_a_recorded_subscription_need_the_id_that_was_recorded(play):
    playback = play(accepted(1, said("REVIVE"), FOREIGN), accepted(2, said("SUPPRESS"), FOREIGN))
    assert told(call(playback, said("REVIVE"))) == (400, MISSING)
    assert told(call(playback, said("REVIVE"), ONE))[0] == 400
    assert told(call(playback, said("REVIVE"), FOREIGN)) == (202, b"")


def test_calls_of_a_recording_without_ids_need_none(play):
    playback = play(accepted(1, said("REVIVE"), None))
    assert told(call(playback, said("REVIVE"))) == (202, b"")


def test_frameworks_do_not_mix(play):
    other = stream(3, subscribe("g"), TWO, [subscribed("g")])
    playback = play(*LIFE, *other, accepted(4, said("REVIVE", "g"), TWO))
    old = Server(call(playback, subscribe()))
    Server(call(playback, subscribe("g")))
    assert old.instead is None
    assert told(call(playback, said("REVIVE", "g"), ONE))[0] == 400
    assert told(call(playback, said("REVIVE", "g"), TWO))[0] == 202


def provider(call, **more):
    return json.dumps({"type": call, "resource_provider_id": {"value": "p"}} | more)


def test_resource_providers_are_refused_with_their_own_texts(play):
    info = {"type": "t", "name": "n"}
    first = json.dumps({"type": "SUBSCRIBE", "subscribe": {"resource_provider_info": info}})
    info = info | {"id": {"value": "p"}}
    again = json.dumps({"type": "SUBSCRIBE", "subscribe": {"resource_provider_info": info}})
    event = '{"type":"SUBSCRIBED","subscribed":{"provider_id":{"value":"p"}}}'
    state = provider("UPDATE_STATE", update_state={"resource_version_uuid": {"value": "eA=="}})
    playback = play(
        *stream(1, first, ONE, [event], path=PROVIDER),
        accepted(2, state, ONE, path=PROVIDER),
        *stream(3, again, TWO, [event], path=PROVIDER),
        server="agent",
    )

    def say(text, stream_id=None):
        return call(playback, text, stream_id, path=PROVIDER)

    assert told(say(state, ONE)) == (400, b"Resource provider is not subscribed")
    old = Server(say(first))
    assert told(say(state)) == (
        400,
        b"All non-subscribe calls should include to 'Mesos-Stream-Id' header",
    )
    assert told(say(state, TWO))[1].endswith(b"associated with  resource provider ID p")
    Server(say(again))
    assert [step for _, step in old.instead] == [Ending.FINAL_CHUNK]
    assert told(say(state, TWO)) == (202, b"")


def test_the_texts_are_those_of_a_real_master(play):
    bodies = {
        each.response.body
        for name in ("master-errors", "stream-ends")
        for each in expected(load(name))
        if each.response is not None
    }
    assert MISSING in bodies
    assert b"Framework cannot be found" in bodies
    playback = play(*LIFE)
    Server(call(playback, subscribe()))
    ours = told(call(playback, said("REVIVE"), TWO))[1]
    (theirs,) = [body for body in bodies if body.startswith(b"The stream ID '8833f851")]
    framework = b"77b559ef-dcd4-4770-bf4b-1de7112c0bf7-0000"
    theirs = theirs.replace(b"8833f851-9d09-415c-8f2f-1a3bcf92d909", TWO.encode())
    assert ours == theirs.replace(framework, b"f")
