from mesotape.cassettes.answers.gates import Gate
from mesotape.cassettes.answers.stream_handle import Live


def test_a_gate_opens_once_and_wakes_all_that_wait_at_it():
    waiting, log = set(), []
    gate = Gate("input", waiting)
    gate.wait(lambda: log.append("a"))
    gate.wait(lambda: log.append("b"))
    assert waiting == {gate}
    gate.open()
    gate.open()
    assert gate.is_open
    assert log == ["a", "b"]
    assert waiting == set()


def test_who_has_left_is_not_woken():
    waiting, log = set(), []
    gate = Gate("input", waiting)

    def wake():
        log.append("woken")

    gate.wait(wake)
    gate.forget(wake)
    assert waiting == set()
    gate.open()
    assert log == []


def test_a_stream_is_over_once():
    log = []
    live = Live(log.append)
    live.over(left=True)
    live.over(left=False)
    assert live.is_over
    assert log == [True]


def test_another_end_may_come_before_the_stream_begins():
    live, turned = Live(), []
    live.end_with([(0.0, b"end")])
    live.begin(turned.append)
    live.end_with([(0.0, b"another")])
    assert turned == [[(0.0, b"end")], [(0.0, b"another")]]
