from mesotape.cassettes.answers.gates import Latch
from mesotape.cassettes.answers.stream_handle import StreamHandle


def test_a_gate_opens_once_and_wakes_all_that_wait_at_it():
    waiting, log = set(), []
    gate = Latch("input", waiting)
    gate.add_open_callback(lambda: log.append("a"))
    gate.add_open_callback(lambda: log.append("b"))
    assert waiting == {gate}
    gate.open()
    gate.open()
    assert gate.is_open
    assert log == ["a", "b"]
    assert waiting == set()


def test_who_has_left_is_not_woken():
    waiting, log = set(), []
    gate = Latch("input", waiting)

    def wake():
        log.append("woken")

    gate.add_open_callback(wake)
    gate.remove_open_callback(wake)
    assert waiting == set()
    gate.open()
    assert log == []


def test_a_stream_is_over_once():
    log = []
    live = StreamHandle(log.append)
    live.mark_over(client_left=True)
    live.mark_over(client_left=False)
    assert live.is_over
    assert log == [True]


def test_another_end_may_come_before_the_stream_begins():
    live, turned = StreamHandle(), []
    live.end_with([(0.0, b"end")])
    live.attach(turned.append)
    live.end_with([(0.0, b"another")])
    assert turned == [[(0.0, b"end")], [(0.0, b"another")]]
