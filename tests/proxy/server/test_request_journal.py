from mesotape.proto.http.request import HttpRequest
from mesotape.proxy.server.request_journal import RequestJournal, summarize_calls


def journal(count, **limits):
    """A journal of GET /1, GET /2, and so on; one each second, from 101.0 on."""
    requests = RequestJournal(list, 100.0, **limits)
    for number in range(1, count + 1):
        requests.record_request(get(number), 7, 100.0 + number, "served", number)
    return requests


def get(number):
    return HttpRequest(b"GET", b"/%d" % number, body=b"body")


def numbers(calls):
    return [call.number for call in calls]


def test_a_request_is_recorded_with_the_seconds_since_the_beginning():
    (call,) = journal(1).calls_since(0)
    assert (call.number, call.at, call.client, call.exchange) == (1, 1.0, 7, 1)
    assert (call.method, call.path, call.outcome) == ("GET", "/1", "served")
    assert str(call) == "GET /1 of client 7, served"


def test_the_latest_requests_are_held_and_all_are_counted():
    requests = journal(5, max_entries=3)
    assert numbers(requests.calls_since(0)) == [3, 4, 5]
    assert numbers(requests.calls_since(4)) == [5]
    assert requests.calls_since(5) == []
    assert (len(requests), requests.last_number) == (5, 5)


def test_the_size_of_the_requests_is_limited():
    requests = journal(5, max_bytes=2 * get(1).size)
    assert numbers(requests.calls_since(0)) == [4, 5]


def test_numbers_continue_after_clear():
    requests = journal(2)
    requests.clear()
    assert (len(requests), requests.calls_since(0)) == (0, [])
    requests.record_request(get(3), 1, 200.0, "missed")
    assert numbers(requests.calls_since(0)) == [3]
    assert (len(requests), requests.calls_since(0)[0].exchange) == (1, None)


def test_equal_calls_are_summarized_with_their_number():
    calls = [*journal(2).calls_since(0), *journal(1).calls_since(0)]
    assert summarize_calls(calls) == "GET /1 x2, GET /2"
    assert summarize_calls([]) == "nothing"
