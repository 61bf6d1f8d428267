"""Sessions of containers at replay: output waits for input, and a WAIT for the session."""

import base64
import json

import pytest
from support.container_sessions import (
    BEAT,
    END_OF_INPUT,
    HEADER,
    about,
    begun,
    data,
    names,
    output,
    recorded_input,
    recorded_kill,
    recorded_output,
    recorded_wait,
    request,
    window,
)

from mesotape.cassettes.answers.answer import Ending
from mesotape.cassettes.answers.gates import Signal, WaitFor
from mesotape.cassettes.answers.pace import Instant, Recorded
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.recordio import decode, encode

ATTACHED = "ATTACH_CONTAINER_OUTPUT"
WAIT = request(about("WAIT_NESTED_CONTAINER"))


@pytest.fixture
def play(tmp_path):
    opened = []

    def playback(*exchanges, pace=None):
        path = tmp_path / f"{len(opened)}.yaml"
        path.write_text(HEADER + "".join(part for exchange in exchanges for part in exchange))
        opened.append(Cassette.open(path))
        return Playback(opened[-1], Options(pace=pace or Instant()))

    yield playback
    for cassette in opened:
        cassette.close()


class Session:
    """A session whose steps are taken as a server takes them, until a latch holds it."""

    def __init__(self, playback, name="LAUNCH_NESTED_CONTAINER_SESSION"):
        self.answer = playback.answer(request(about(name)), 0.0)
        self.held = None
        self.is_over = False

    def read(self):
        """Return the records that are sent now."""
        said = []
        while not self.is_over and (self.held is None or self.held.latch.is_open):
            match next(self.answer.steps, (0.0, None))[1]:
                case WaitFor() as wait:
                    self.held = wait
                    if not wait.latch.is_open:
                        wait.latch.add_open_callback(lambda: None)
                case Signal(latch=gate):
                    gate.open()
                case bytes() as step:
                    said += [json.loads(record)["data"]["data"] for record in decode(step)]
                case Ending():
                    self.mark_over(client_left=False)
                case _:
                    break
        return [base64.b64decode(text) for text in said]

    def mark_over(self, *, client_left):
        self.is_over = True
        self.answer.handle.mark_over(client_left=client_left)


class Input:
    """An input that is typed record by record."""

    def __init__(self, playback, *texts):
        self.intake = playback.begin_streamed_request(begun())
        self.type(*texts)

    def type(self, *texts):
        for text in texts:
            assert self.intake.feed(encode(text.encode()), 0.0) is None

    def close(self):
        return self.intake.close(0.0)


def outputs(**changes):
    texts = [(1.0, output(b"ready")), (3.1, output(b"one")), (4.1, output(b"two"))]
    return recorded_output(1, texts, **{"ended": 6.0} | changes)


def inputs(number=2, **changes):
    texts = [(2.0, names()), (3.0, data(b"one")), (4.0, data(b"two")), (4.5, END_OF_INPUT)]
    return recorded_input(number, texts, **{"at": 2.0, "ended": 4.7, "answered": 5.0} | changes)


def test_output_that_followed_input_waits_for_as_much_input(play):
    playback = play(outputs(), inputs())
    session = Session(playback)
    assert session.read() == [b"ready"]
    typed = Input(playback, names(), data(b"on"))
    assert session.read() == []
    typed.type(data(b"e"))
    assert session.read() == [b"one"]
    typed.type(data(b"two"))
    assert session.read() == [b"two"]
    assert not session.is_over
    typed.type(END_OF_INPUT)
    assert session.read() == []
    assert session.is_over


def test_the_reason_of_a_wait_is_reported(play):
    playback = play(outputs(), inputs())
    session = Session(playback)
    assert playback.waiting == []
    session.read()
    (reason,) = playback.waiting
    assert reason == "exchange 1 waits for input to container c, as in exchange 2: 3 so far"
    Input(playback, names(), data(b"one"))
    assert playback.waiting == []


def test_output_does_not_wait_for_input_that_has_arrived(play):
    playback = play(outputs(), inputs())
    typed = Input(playback, names(), data(b"onetwo"), END_OF_INPUT)
    assert typed.close().status == 200
    session = Session(playback)
    assert session.read() == [b"ready", b"one", b"two"]
    assert session.is_over


def test_output_follows_its_input_after_the_recorded_time(play):
    playback = play(outputs(), inputs(), pace=Recorded(speed=2.0))
    session = Session(playback)
    session.read()
    assert session.held.delay_seconds == pytest.approx(0.05)


def test_heartbeats_release_nothing(play):
    playback = play(outputs(), inputs())
    session = Session(playback)
    session.read()
    Input(playback, names(), BEAT, BEAT, BEAT, BEAT)
    assert session.read() == []


def test_output_waits_for_a_window_size_like_for_typed_bytes(play):
    texts = [(2.0, names()), (3.0, window(24))]
    playback = play(outputs(), recorded_input(2, texts, at=2.0, ended=8.0, answered=8.1))
    session = Session(playback)
    assert session.read() == [b"ready"]
    Input(playback, names(), window(24))
    assert session.read() == [b"one", b"two"]


def test_output_does_not_wait_for_input_that_was_refused(play):
    refused = inputs(status=409, answered=2.1)
    session = Session(play(outputs(), refused))
    assert session.read() == [b"ready", b"one", b"two"]


def test_output_does_not_wait_for_input_recorded_after_its_answer(play):
    """A terminal whose process has ended takes no more input, but the client goes on."""
    playback = play(outputs(), inputs(status=500, answered=3.5))
    session = Session(playback)
    session.read()
    Input(playback, names(), data(b"on")).intake.feed(encode(data(b"e").encode()), 0.0)
    assert session.read() == [b"one", b"two"]


def test_a_probe_without_input_is_not_waited_for(play):
    probe = recorded_input(2, [(0.5, names())], at=0.5, ended=0.6, answered=0.7)
    playback = play(outputs(), probe, inputs(3))
    session = Session(playback)
    assert session.read() == [b"ready"]
    Input(playback, names(), data(b"one"))
    assert session.read() == [b"one"]


def test_a_viewer_that_attached_later_waits_only_for_later_input(play):
    later = recorded_output(3, [(4.1, output(b"two"))], at=3.5, ended=6.0, name=ATTACHED)
    playback = play(inputs(1), later)
    viewer = Session(playback, ATTACHED)
    assert viewer.read() == []
    Input(playback, names(), data(b"onetw"), data(b"o"))
    assert viewer.read() == [b"two"]


def test_sessions_of_other_containers_do_not_wait(play):
    other = recorded_input(2, [(2.0, names("d")), (3.0, data(b"one"))], at=2.0)
    session = Session(play(outputs(), other))
    assert session.read() == [b"ready", b"one", b"two"]


def test_two_viewers_wait_independently(play):
    playback = play(outputs(name=ATTACHED), inputs())
    one, two = Session(playback, ATTACHED), Session(playback, ATTACHED)
    assert one.read() == two.read() == [b"ready"]
    one.mark_over(client_left=True)
    Input(playback, names(), data(b"one"))
    assert two.read() == [b"one"]


def test_a_wait_is_answered_when_the_session_has_ended(play):
    playback = play(outputs(), inputs(), recorded_wait(3, at=5.5, answered=6.5))
    session = Session(playback)
    answer = playback.answer(WAIT, 0.0)
    (gate,) = answer.latches
    typed = Input(playback, names(), data(b"onetwo"))
    session.read()
    assert not gate.is_open
    typed.type(END_OF_INPUT)
    session.read()
    assert session.is_over
    assert gate.is_open
    assert playback.answer(WAIT, 0.0).latches == ()


def test_a_wait_that_was_answered_before_the_end_waits_for_earlier_output(play):
    playback = play(outputs(), recorded_wait(3, at=0.5, answered=3.5))
    session = Session(playback)
    (gate,) = playback.answer(WAIT, 0.0).latches
    gate.add_open_callback(lambda: seen.append("answered"))
    seen = []
    for step in session.answer.steps:
        match step[1]:
            case Signal(latch=reached):
                reached.open()
            case bytes():
                seen.append("record")
            case _:
                break
    assert seen == ["record", "record", "answered", "record"]


def test_a_wait_does_not_wait_for_a_session_without_a_client(play):
    playback = play(outputs(), recorded_wait(3, at=5.5, answered=6.5))
    assert playback.answer(WAIT, 0.0).latches == ()


def test_a_wait_is_answered_when_the_client_has_left_the_session(play):
    playback = play(outputs(ended=6.0, cause="client"), recorded_wait(3, at=6.1, answered=6.2))
    session = Session(playback)
    assert session.read() == [b"ready", b"one", b"two"]
    (gate,) = playback.answer(WAIT, 0.0).latches
    assert not gate.is_open
    session.mark_over(client_left=True)
    assert gate.is_open


def test_a_wait_is_answered_while_a_session_stays_open_that_the_recorder_left(play):
    playback = play(outputs(ended=7.0, cause="stopped"), recorded_wait(3, at=6.1, answered=6.2))
    session = Session(playback)
    session.read()
    assert playback.answer(WAIT, 0.0).latches == ()


def test_the_answer_of_an_input_waits_for_earlier_output(play):
    playback = play(outputs(), inputs(status=500, answered=4.2))
    session = Session(playback)
    session.read()
    typed = Input(playback, names(), data(b"one"))
    answer = typed.intake.feed(encode(data(b"two").encode()), 0.0)
    assert answer.status == 500
    (gate,) = answer.latches
    assert not gate.is_open
    assert session.read() == [b"one", b"two"]
    assert gate.is_open


@pytest.mark.parametrize(
    ("killed", "at", "status", "is_held"),
    [
        ("c", 3.0, 200, True),
        ("parent", 3.0, 200, True),
        ("d", 3.0, 200, False),
        ("c", 7.0, 200, False),
        ("c", 3.0, 404, False),
    ],
)
def test_the_answer_of_a_wait_waits_for_the_kill_before_it(play, killed, at, status, is_held):
    name = "parent.c" if killed == "parent" else "c"
    kill = recorded_kill(2, at=at, container=killed, status=status)
    playback = play(recorded_wait(1, at=1.0, answered=6.0, container=name), kill)
    wait = request(about("WAIT_NESTED_CONTAINER", name))
    latches = playback.answer(wait, 0.0).latches
    assert bool(latches) == is_held
    playback.answer(request(about("KILL_NESTED_CONTAINER", killed)), 0.0)
    assert all(latch.is_open for latch in latches)
    assert playback.answer(wait, 0.0).latches == ()
    assert [latch.reason for latch in latches] == is_held * [
        "the end of a container waits for agent call KILL_NESTED_CONTAINER, as in exchange 2"
    ]
