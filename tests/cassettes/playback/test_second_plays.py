"""A subscriber that subscribes again with its id, because a fault has broken its stream."""

import pytest
from support.commands import running
from support.scheduler_cassettes import (
    PROVIDER,
    SCHEDULER,
    A,
    B,
    by,
    call,
    decline,
    payload,
    request,
    said,
    scheduler,
    stream,
    subscribed,
    subscription,
    written,
)
from support.sockets import connect, post

from mesotape.cassettes.answers.answer import Ending, Notify, ReplayResponse, StreamedResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.proto.http.request import HttpRequest
from mesotape.proto.messages import mapping

DECLINED = decline("f", "o")
LIFE = [scheduler((1.0, A), (3.0, B)), call(2, 2.0, DECLINED)]
CLOSED = ("SUBSCRIBE#1:close@2",)
REPEAT = "--repeat SUBSCRIBE=last gives the last answer again."


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*parts, server="master", **options):
        opened.append(written(tmp_path / f"{len(opened)}.yaml", parts, server))
        return Playback(opened[-1], Options(pace=Instant(), **options))

    yield playback
    for cassette in opened:
        cassette.close()


def records(playback, text, path=SCHEDULER):
    """Read a stream to its end or first wait, as a server does; its client then leaves."""
    answer = playback.answer(request(text, path), 0.0)
    assert isinstance(answer, StreamedResponse), str(answer)
    return read(answer)


def read(answer):
    found = []
    for _, step in answer.steps:
        if isinstance(step, Notify):
            step.callback()
        elif isinstance(step, bytes):
            found.append(payload(step))
        elif isinstance(step, Ending) or not step.latch.is_open:
            break
    if answer.handle is not None:
        answer.handle.mark_over(client_left=True)
    return found


def make(playback, text, path=SCHEDULER):
    return playback.answer(request(text, path), 0.0)


def test_a_scheduler_whose_stream_broke_gets_everything_again(play):
    playback = play(*LIFE, faults=CLOSED)
    assert records(playback, subscription()) == [subscribed("f")]
    again = playback.answer(request(subscription("f")), 0.0)
    assert isinstance(make(playback, DECLINED), ReplayResponse)
    assert read(again) == [subscribed("f"), A, B]
    assert playback.left_out == []
    assert playback.journal.missed_count == 0


def test_it_may_make_its_earlier_calls_again(play):
    playback = play(*LIFE, faults=("SUBSCRIBE#1:close@3",))
    first = playback.answer(request(subscription()), 0.0)
    assert isinstance(make(playback, DECLINED), ReplayResponse)
    assert read(first) == [subscribed("f"), A]
    assert isinstance(playback.answer(request(subscription("f")), 0.0), StreamedResponse)
    assert isinstance(make(playback, DECLINED), ReplayResponse)
    miss = make(playback, DECLINED)
    assert isinstance(miss, Miss)
    assert miss.reason == "already played"


def test_each_fault_allows_one_more_subscription(play):
    playback = play(*LIFE, faults=("SUBSCRIBE#1-2:close@2",))
    assert records(playback, subscription()) == [subscribed("f")]
    assert records(playback, subscription("f")) == [subscribed("f")]
    assert records(playback, subscription("f")) == [subscribed("f"), A]
    assert isinstance(make(playback, subscription("f")), Miss)


def test_a_scheduler_that_got_no_id_subscribes_again_without_one(play):
    playback = play(*LIFE, faults=("SUBSCRIBE#1:cut-record@1",))
    assert records(playback, subscription()) == [""]
    assert records(playback, subscription()) == [subscribed("f"), A]


@pytest.mark.parametrize("text", [subscription("f"), subscription()])
def test_without_a_fault_it_needs_the_option_that_the_miss_names(play, text):
    playback = play(*LIFE)
    records(playback, subscription())
    miss = make(playback, text)
    assert isinstance(miss, Miss)
    assert (miss.reason, miss.option) == ("already played", REPEAT)
    playback = play(*LIFE, repeat=("SUBSCRIBE=last",))
    assert records(playback, subscription()) == [subscribed("f"), A]
    assert records(playback, text) == [subscribed("f"), A]


def test_a_recorded_failover_answers_first(play):
    again = stream(3, subscription("f"), [(5.1, subscribed("f"))], at=5.0)
    playback = play(*LIFE, again, faults=CLOSED)
    records(playback, subscription())
    assert records(playback, subscription("f")) == [subscribed("f")]
    assert playback.journal.served.total() == 2
    assert len(playback.journal.served) == 2


@pytest.mark.parametrize(
    "text", [subscription("g"), subscription("f").replace('"root"', '"other"')]
)
def test_another_subscription_is_a_miss_as_before(play, text):
    playback = play(*LIFE, faults=CLOSED)
    records(playback, subscription())
    miss = make(playback, text)
    assert isinstance(miss, Miss)
    assert miss.reason == "differs"


def test_an_id_that_this_replay_has_not_given_is_a_miss(play):
    miss = make(play(*LIFE, faults=CLOSED), subscription("f"))
    assert isinstance(miss, Miss)
    assert miss.reason == "differs"


def test_a_protobuf_client_of_a_json_cassette_subscribes_again(play):
    playback = play(*LIFE, faults=CLOSED)

    def coded(text):
        message = mapping.decode(text.encode(), "mesos.v1.scheduler.Call")
        kind = b"application/x-protobuf"
        headers = ((b"Content-Type", kind), (b"Accept", b"application/json"))
        return HttpRequest(b"POST", SCHEDULER.encode(), headers, message.SerializeToString())

    assert read(playback.answer(coded(subscription()), 0.0)) == [subscribed("f")]
    assert read(playback.answer(coded(subscription("f")), 0.0)) == [subscribed("f"), A]


def test_a_resource_provider_subscribes_again(play):
    def subscribe(**known):
        info = {"type": "t", "name": "n"} | known
        return said("SUBSCRIBE", subscribe={"resource_provider_info": info})

    provided = said("SUBSCRIBED", subscribed={"provider_id": {"value": "p"}})
    first = stream(1, subscribe(), [(0.5, provided), (1.0, A)], path=PROVIDER)
    playback = play(first, server="agent", faults=CLOSED)
    assert records(playback, subscribe(), PROVIDER) == [provided]
    assert records(playback, subscribe(id={"value": "p"}), PROVIDER) == [provided, A]


def test_rebound_ids_may_be_new_in_the_second_subscription(play):
    playback = play(*LIFE, faults=("SUBSCRIBE#1:close@3",), rebind=True)
    first = playback.answer(request(subscription()), 0.0)
    assert isinstance(make(playback, DECLINED), ReplayResponse)
    read(first)
    assert isinstance(make(playback, subscription("f")), StreamedResponse)
    assert isinstance(make(playback, DECLINED), ReplayResponse)


def test_the_command_passes_with_a_client_that_reconnects(tmp_path):
    path = tmp_path / "cassette.yaml"
    written(path, LIFE).close()
    options = ["--pace", "instant", "--fault", CLOSED[0]]
    with running("replay", path, *options) as replay:
        for text in (subscription(), subscription("f")):
            client = connect(replay.address)
            client.send(post(text.encode(), path=SCHEDULER.encode()))
            if text == subscription():
                assert b"SUBSCRIBED" in client.rest()
                client.close()
        client.until(b'{"a":1}')
        with connect(replay.address) as calls:
            calls.send(post(DECLINED.encode(), path=SCHEDULER.encode()))
            assert calls.until(b"\r\n").startswith(b"HTTP/1.1 202 ")
        client.until(b'{"b":1}')
        client.close()
    assert replay.code == 0, replay.said


REVIVE_EARLIER = call(3, 0.7, by("f", "REVIVE"))


@pytest.mark.parametrize(
    ("fault", "subscriptions", "left_out", "after_fault"),
    [
        ("SUBSCRIBE:close@2", 1, [3], [2]),
        ("SUBSCRIBE:close@2", 2, [3], [2]),
        ("SUBSCRIBE#1:close@2", 1, [2, 3], []),
        ("SUBSCRIBE#1:close@2", 2, [2, 3], []),
        ("SUBSCRIBE#1:drop@2", 1, [3], [2]),
        ("SUBSCRIBE#1+:drop@2", 1, [3], [2]),
        ("SUBSCRIBE:duplicate@2", 1, [2, 3], []),
        ("SUBSCRIBE:stall@2", 1, [3], [2]),
        ("SUBSCRIBE:stall=1@2", 1, [2, 3], []),
        ("SUBSCRIBE:close@9", 1, [2, 3], []),
        ("ACCEPT:503", 1, [2, 3], []),
    ],
)
def test_a_call_after_an_event_that_a_fault_kept_back_is_not_left_out(
    play, fault, subscriptions, left_out, after_fault
):
    playback = play(*LIFE, REVIVE_EARLIER, faults=(fault,), causality="off")
    for text in (subscription(), subscription("f"))[:subscriptions]:
        records(playback, text)
    assert [ref.exchange for ref in playback.left_out] == left_out
    assert [ref.exchange for ref in playback.left_out_after_fault] == after_fault
