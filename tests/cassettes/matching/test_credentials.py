"""Answers that are told apart by the credentials of requests."""

import pytest
from support.playback_cassettes import GET_HEALTH, TEARDOWN, answering, exchange, request

from mesotape.cassettes.matching.credentials import RecordedCredentials, suit_credentials
from mesotape.cassettes.matching.misses import Miss

BASIC, BEARER, TOKEN = "Basic REDACTED", "Bearer REDACTED", "token=REDACTED"
UNKNOWN = "REDACTED"

SCHEMES = {"-": None, "b": "basic", "t": "token", "?": ""}


def recorded_credentials(letters):
    """Parse "-! b": without credentials and refused, then with those of a scheme."""
    return [RecordedCredentials(SCHEMES[each[0]], each[1:] == "!") for each in letters.split()]


@pytest.mark.parametrize(
    ("recorded", "received", "suits"),
    [
        ("-", "-", "1"),
        ("-", "b", "1"),
        ("b", "-", "1"),
        ("b", "t", "1"),
        ("- b", "-", "10"),
        ("- b", "b", "01"),
        ("- b", "t", "01"),
        ("b t", "t", "01"),
        ("b t", "-", "11"),
        ("-! b", "-", "10"),
        ("-! b", "b", "01"),
        ("-! b", "t", "00"),
        ("-! ?", "t", "01"),
        ("-! b", "?", "01"),
        ("-! b! t", "t", "001"),
        ("-!", "b", "0"),
        ("b!", "-", "0"),
        ("b! b", "b", "11"),
        ("- ? b", "b", "011"),
    ],
)
def test_the_answers_that_suit_the_credentials_of_a_request(recorded, received, suits):
    suiting = suit_credentials(SCHEMES[received], recorded_credentials(recorded))
    assert "".join(str(int(each)) for each in suiting) == suits


def with_credentials(document, credentials):
    header = "" if credentials is None else f"    Authorization: {credentials}\n"
    return document.replace("    Accept:", f"{header}    Accept:", 1)


def refused(number, credentials=None, status=401, body=GET_HEALTH):
    return with_credentials(exchange(number, body, f"status: {status}"), credentials)


def answered(number, credentials=None, body=GET_HEALTH):
    return with_credentials(exchange(number, body, answering(f"a{number}")), credentials)


def status(playback, credentials=None, body=GET_HEALTH):
    answer = playback.answer(request(body, Authorization=credentials), 0.0)
    return "miss" if isinstance(answer, Miss) else answer.status


@pytest.mark.parametrize("first", [None, "Basic YTpi"])
def test_a_client_without_credentials_is_refused_and_one_with_is_not_in_any_order(play, first):
    playback = play(refused(1), answered(2, BASIC))
    expected = {None: 401, "Basic YTpi": 200, "basic other": 200}
    order = sorted(expected, key=lambda each: each != first)
    assert {each: status(playback, each) for each in order * 2} == expected
    assert playback.unused == []


def test_credentials_that_were_redacted_with_their_scheme_are_of_any(play):
    playback = play(refused(1), answered(2, UNKNOWN))
    assert [status(playback, each) for each in ("token=x", "Basic x", "x", None)] == [
        200,
        200,
        200,
        401,
    ]


@pytest.mark.parametrize("recorded", [None, BASIC, UNKNOWN])
@pytest.mark.parametrize("sent", [None, "Basic x", "Bearer x"])
def test_credentials_do_not_count_if_nothing_depends_on_them(play, recorded, sent):
    playback = play(answered(1, recorded), answered(2, recorded, TEARDOWN))
    assert status(playback, sent) == 200
    assert status(playback, sent, TEARDOWN) == 200


@pytest.mark.parametrize(
    ("documents", "sent", "difference"),
    [
        ([refused(1)], "Basic x", "Authorization: (absent) → basic"),
        ([refused(1, BASIC, 403)], None, "Authorization: basic → (absent)"),
        ([refused(1, UNKNOWN)], None, "Authorization: credentials → (absent)"),
        ([refused(1, BASIC)], "token=x", "Authorization: basic → token"),
        ([refused(1, TOKEN)], "x y", None),
    ],
)
def test_a_refusal_is_not_the_answer_to_other_credentials(play, documents, sent, difference):
    playback = play(*documents)
    answer = playback.answer(request(Authorization=sent), 0.0)
    if difference is None:
        assert answer.status == 401
        return
    assert answer.reason == "differs"
    assert [str(each) for each in answer.nearest[0].differences] == [difference]
    assert answer.option is None


def test_a_mutating_call_uses_up_the_answers_for_its_credentials(play):
    playback = play(refused(1, body=TEARDOWN), answered(2, BASIC, TEARDOWN))
    assert [status(playback, each, TEARDOWN) for each in ("Basic x", "Basic x", None)] == [
        200,
        "miss",
        401,
    ]
