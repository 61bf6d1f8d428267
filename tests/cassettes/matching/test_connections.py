"""The order of the criteria by which a recorded connection is found for a client."""

from support.playback_cassettes import GET_HEALTH, TEARDOWN, exchange, request

from mesotape.cassettes.matching.connections import (
    BEST_RANK,
    BEST_UNCLAIMED_RANK,
    NO_HINTS,
    NOT_RECORDED,
    ClientHints,
    ConnectionMap,
    ConnectionStep,
    RecordedConnection,
)

ME, OTHER = 1, 2
MINE, CLAIMED, FREE = (RecordedConnection(0, number) for number in (1, 2, 3))
HINTS = ClientHints("stream", "agent")
OTHER_STREAM, OTHER_AGENT = ClientHints("other", "agent"), ClientHints("stream", "other")


def connections(*played_by_me: RecordedConnection) -> ConnectionMap:
    """Return a map in which another client claims one connection."""
    made = ConnectionMap()
    made.record_played(OTHER, ConnectionStep(CLAIMED, 5))
    for recorded in played_by_me:
        made.record_played(ME, ConnectionStep(recorded))
    return made


def test_the_stream_id_decides_before_the_claim_of_the_client() -> None:
    made = connections(MINE)
    own_with_other_stream = made.mismatch_rank(ME, HINTS, ConnectionStep(MINE, 1, OTHER_STREAM))
    worst_with_the_stream = made.mismatch_rank(
        ME, HINTS, ConnectionStep(CLAIMED, 9, ClientHints("stream", "other"))
    )
    assert worst_with_the_stream < own_with_other_stream


def test_the_claim_of_the_client_decides_before_the_user_agent() -> None:
    made = connections(MINE)
    own_with_other_agent = made.mismatch_rank(ME, HINTS, ConnectionStep(MINE, 1, OTHER_AGENT))
    free_with_the_agent = made.mismatch_rank(ME, HINTS, ConnectionStep(FREE, 0, HINTS))
    assert own_with_other_agent < free_with_the_agent


def test_the_user_agent_decides_before_the_claim_of_another_client() -> None:
    made = connections()
    claimed_with_the_agent = made.mismatch_rank(ME, HINTS, ConnectionStep(CLAIMED, 0, HINTS))
    free_with_other_agent = made.mismatch_rank(ME, HINTS, ConnectionStep(FREE, 0, OTHER_AGENT))
    assert claimed_with_the_agent < free_with_other_agent


def test_the_claim_of_another_client_decides_before_the_order() -> None:
    made = connections()
    free_out_of_order = made.mismatch_rank(ME, HINTS, ConnectionStep(FREE, 3, HINTS))
    claimed_in_order = made.mismatch_rank(ME, HINTS, ConnectionStep(CLAIMED, 0, HINTS))
    assert free_out_of_order < claimed_in_order


def test_the_order_decides_last() -> None:
    made = connections()
    in_order = made.mismatch_rank(ME, HINTS, ConnectionStep(FREE, 0, HINTS))
    out_of_order = made.mismatch_rank(ME, HINTS, ConnectionStep(FREE, 1, HINTS))
    assert in_order < out_of_order


def test_the_order_does_not_count_for_a_client_with_a_claim() -> None:
    made = connections(MINE)
    assert made.mismatch_rank(ME, HINTS, ConnectionStep(FREE, 9, HINTS)) == BEST_UNCLAIMED_RANK


def test_the_best_ranks_are_those_of_the_claimed_and_of_the_next_free_connection() -> None:
    made = connections(MINE)
    assert made.mismatch_rank(ME, HINTS, ConnectionStep(MINE, 1, HINTS)) == BEST_RANK
    assert made.mismatch_rank(ME, HINTS, ConnectionStep(FREE, 0, HINTS)) == BEST_UNCLAIMED_RANK


def test_headers_that_were_not_recorded_do_not_count() -> None:
    made, unknown = connections(MINE), ClientHints(NOT_RECORDED, NOT_RECORDED)
    assert made.mismatch_rank(ME, unknown, ConnectionStep(MINE, 1, HINTS)) == BEST_RANK
    assert made.mismatch_rank(ME, unknown, ConnectionStep(MINE, 1, NO_HINTS)) == BEST_RANK


def test_a_request_without_a_user_agent_stands_for_a_recorded_one_without() -> None:
    made, hints = connections(), ClientHints("stream", None)
    with_an_agent = made.mismatch_rank(ME, hints, ConnectionStep(FREE, 0, HINTS))
    without = made.mismatch_rank(ME, hints, ConnectionStep(CLAIMED, 9, hints))
    assert without < with_an_agent


def test_a_closed_connection_has_no_claim() -> None:
    made = connections(MINE)
    assert list(made.claimed_by(ME)) == [MINE]
    made.forget_connection(ME)
    assert list(made.claimed_by(ME)) == []
    assert made.mismatch_rank(OTHER, HINTS, ConnectionStep(MINE, 0, HINTS)) == BEST_UNCLAIMED_RANK


def test_a_client_without_a_user_agent_leaves_out_no_call_of_another_client(play):
    def named(document, agent):
        return document.replace("    Accept:", f"    User-Agent: {agent}\n    Accept:", 1)

    playback = play(
        named(exchange(1, GET_HEALTH), "curl"),
        named(exchange(2, TEARDOWN, at=1.0), "curl"),
        exchange(3, GET_HEALTH, at=2.0).replace("client: 1", "client: 2"),
    )
    playback.answer(request(GET_HEALTH), 0.0, client=7)
    assert playback.left_out == []
    playback.answer(request(GET_HEALTH, User_Agent="curl"), 0.0, client=8)
    assert [place.exchange for place in playback.left_out] == [2]
