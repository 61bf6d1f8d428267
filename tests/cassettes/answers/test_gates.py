from mesotape.cassettes.answers.gates import Latch
from mesotape.cassettes.answers.stream_handle import StreamHandle


def test_a_latch_opens_once_and_calls_all_callbacks():
    waiting, log = set(), []
    latch = Latch("input", waiting)
    latch.add_open_callback(lambda: log.append("a"))
    latch.add_open_callback(lambda: log.append("b"))
    assert waiting == {latch}
    latch.open()
    latch.open()
    assert latch.is_open
    assert log == ["a", "b"]
    assert waiting == set()


def test_a_removed_callback_is_not_called():
    waiting, log = set(), []
    latch = Latch("input", waiting)

    def wake():
        log.append("woken")

    latch.add_open_callback(wake)
    assert not latch.is_abandoned
    latch.remove_open_callback(wake)
    assert latch.is_abandoned
    assert waiting == set()
    latch.open()
    assert log == []
    assert not latch.is_abandoned


def test_a_latch_is_abandoned_until_somebody_waits_again():
    latch = Latch("input")
    latch.add_open_callback(print)
    latch.add_open_callback(repr)
    latch.remove_open_callback(print)
    assert not latch.is_abandoned
    latch.remove_open_callback(repr)
    assert latch.is_abandoned
    latch.add_open_callback(repr)
    assert not latch.is_abandoned


def test_a_stream_is_over_once():
    log = []
    handle = StreamHandle(log.append)
    handle.mark_over(client_left=True)
    handle.mark_over(client_left=False)
    assert handle.is_over
    assert log == [True]


def test_a_stream_may_be_ended_before_it_begins():
    handle, replaced = StreamHandle(), []
    handle.end_with([(0.0, b"end")])
    handle.attach(replaced.append)
    handle.end_with([(0.0, b"another")])
    assert replaced == [[(0.0, b"end")], [(0.0, b"another")]]
