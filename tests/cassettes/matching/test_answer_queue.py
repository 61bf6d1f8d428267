import pytest

from mesotape.cassettes.format.exchange_ref import ExchangeRef
from mesotape.cassettes.matching.answer_queue import AnswerQueue
from mesotape.cassettes.matching.connections import (
    ClientHints,
    ConnectionMap,
    ConnectionStep,
    RecordedConnection,
)
from mesotape.cassettes.matching.queue_view import Selection
from mesotape.cassettes.matching.repeat_rules import RepeatError, RepeatMode, RepeatRules
from mesotape.proto.api.negotiation import JSON, PROTOBUF, ResponseType

ENCODINGS = {"j": ResponseType(JSON), "p": ResponseType(PROTOBUF), "-": None}


def queue(
    recorded: str, *, mutating: bool = False, repeat: RepeatMode | None = None
) -> AnswerQueue:
    answers = AnswerQueue(mutating=mutating, repeat=repeat)
    for number, letter in enumerate(recorded, 1):
        answers.add_exchange(ExchangeRef(0, number), ENCODINGS[letter])
    return answers


def described(selection: Selection | None) -> str:
    if selection is None:
        return "none"
    transcoded = "" if selection.target_type is None else " transcoded"
    return f"{selection.exchange_ref.exchange}{transcoded}"


@pytest.mark.parametrize(
    ("recorded", "accepted", "selected"),
    [
        ("jj", "jjj", "1, 2, 2"),
        ("jpj", "jjjj", "1, 3, 3, 3"),
        ("jpj", "ppp", "2, 2, 2"),
        ("jpj", "pjpj", "2, 1, 2, 3"),
        ("jj", "ppp", "1 transcoded, 2 transcoded, 2 transcoded"),
        ("jjj", "jpjp", "1, 2 transcoded, 3, 3 transcoded"),
        ("--", "---", "1, 2, 2"),
    ],
)
def test_a_read_gets_the_answers_in_its_encoding_or_all_if_there_are_none(
    recorded, accepted, selected
):
    answers = queue(recorded)
    assert (
        ", ".join(described(answers.view(ENCODINGS[each]).select_next()) for each in accepted)
        == selected
    )


@pytest.mark.parametrize(
    ("recorded", "accepted", "selected"),
    [
        ("jj", "jjj", "1, 2, none"),
        ("jpj", "jjjj", "1, 3, 2 transcoded, none"),
        ("jpj", "pjpj", "2, 1, 3 transcoded, none"),
        ("jj", "ppp", "1 transcoded, 2 transcoded, none"),
    ],
)
def test_each_answer_to_a_mutating_call_is_given_once_in_any_encoding(recorded, accepted, selected):
    answers = queue(recorded, mutating=True)
    assert (
        ", ".join(described(answers.view(ENCODINGS[each]).select_next()) for each in accepted)
        == selected
    )


def test_an_answer_that_was_not_given_is_unused():
    answers = queue("jpj")
    answers.view(ENCODINGS["j"]).select_next()
    assert [place.exchange for place in answers.unused] == [2, 3]


@pytest.mark.parametrize("mutating", [False, True])
@pytest.mark.parametrize(
    ("repeat", "recorded", "accepted", "selected"),
    [
        ("last", "jj", "jjjj", "1, 2, 2, 2"),
        ("cycle", "jj", "jjjjj", "1, 2, 1, 2, 1"),
        ("never", "jj", "jjjj", "1, 2, none, none"),
        ("cycle", "j", "jjj", "1, 1, 1"),
    ],
)
def test_the_repeat_mode_sets_what_follows_the_last_answer(
    repeat, recorded, accepted, selected, mutating
):
    answers = queue(recorded, mutating=mutating, repeat=repeat)
    assert (
        ", ".join(described(answers.view(ENCODINGS[each]).select_next()) for each in accepted)
        == selected
    )


def test_the_encodings_share_the_cycle_of_a_mutating_call():
    answers = queue("jp", mutating=True, repeat="cycle")
    selected = [described(answers.view(ENCODINGS[each]).select_next()) for each in "jppjj"]
    assert selected == ["1", "2", "2", "1", "1"]


def test_reads_in_the_two_encodings_have_a_cycle_each():
    answers = queue("jjp", repeat="cycle")
    selected = [described(answers.view(ENCODINGS[each]).select_next()) for each in "jppjj"]
    assert selected == ["1", "3", "3", "2", "1"]


def test_an_answer_given_in_an_earlier_round_is_not_unused():
    answers = queue("jj", repeat="cycle")
    for _ in range(3):
        answers.view(ENCODINGS["j"]).select_next()
    assert answers.unused == []


@pytest.mark.parametrize(
    ("rules", "read", "write", "named"),
    [
        ([], "last", "never", "last"),
        (["last"], "last", "never", "last"),
        (["cycle"], "cycle", "cycle", "cycle"),
        (["never"], "never", "never", "never"),
        (["GET_TASKS=never"], "last", "never", "never"),
        (["never", "GET_TASKS=last"], "never", "never", "last"),
        (["GET_TASKS=never", "GET_TASKS=cycle"], "last", "never", "cycle"),
    ],
)
def test_a_rule_is_for_all_requests_or_for_a_call(rules, read, write, named):
    repeats = RepeatRules(rules)
    assert repeats.mode_for("GET_STATE", mutating=False) == read
    assert repeats.mode_for(None, mutating=False) == read
    assert repeats.mode_for("KILL", mutating=True) == write
    assert repeats.mode_for("GET_TASKS", mutating=False) == named


def test_a_mutating_call_that_is_named_gets_its_last_answer_again():
    assert RepeatRules(["DECLINE=last"]).mode_for("DECLINE", mutating=True) == "last"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("often", "repeat often: expected last, cycle, never, or one of them for a call: "),
        ("", "repeat : expected last, cycle, never"),
        ("GET_TASKS=", "repeat GET_TASKS=: expected last"),
        ("=last", "repeat =last: no v1 API has a call ''"),
        ("GET_TASK=last", "no v1 API has a call 'GET_TASK'; the nearest is GET_TASKS"),
        ("X" * 100_000 + "=last", "no v1 API has a call 'X{60}…'$"),
    ],
)
def test_an_invalid_rule_is_an_error(rule, text):
    with pytest.raises(RepeatError, match=text) as error:
        RepeatRules([rule])
    assert len(str(error.value)) < 300


class Clients:
    """Recorded requests of several connections, `1:v 2:s …`, and their queues by request."""

    def __init__(self, recorded: str, *, mutating: bool = False) -> None:
        self.connections = ConnectionMap()
        self.queues: dict[str, AnswerQueue] = {}
        for number, each in enumerate(recorded.split(), 1):
            name, _, (request, *hints) = each.partition(":")
            connection = RecordedConnection(0, int(name))
            if request not in self.queues:
                self.queues[request] = AnswerQueue(mutating=mutating, connections=self.connections)
            self.connections.add_step(connection, number)
            before = self.connections.steps_before(connection, number)
            step = ConnectionStep(connection, before, self.hints(hints))
            self.queues[request].add_exchange(ExchangeRef(0, number), None, step)

    def hints(self, letters) -> ClientHints:
        """Return hints: capital letters are a User-Agent, digits a stream id."""
        agents = [each for each in letters if each.isalpha()]
        streams = [each for each in letters if each.isdigit()]
        return ClientHints("".join(streams) or None, "".join(agents) or None)

    def play(self, sent: str) -> str:
        """Send requests `x:s y:v …`, and return the exchanges that answer; `x!` disconnects."""
        exchanges = []
        for each in sent.split():
            if each.endswith("!"):
                self.connections.forget_connection(ord(each[0]))
                continue
            name, _, (request, *hints) = each.partition(":")
            view = self.queues[request].view(None)
            selection = view.select_next(ord(name), self.hints(hints))
            if selection is not None:
                self.connections.record_played(ord(name), selection.connection_step)
            exchanges.append(described(selection))
        return " ".join(exchanges)


@pytest.mark.parametrize(
    ("sent", "exchanges"),
    [
        ("x:s y:v y:s", "3 1 2"),
        ("y:v x:s y:s", "1 3 2"),
        ("y:v y:s x:s", "1 2 3"),
    ],
)
def test_a_client_does_not_stand_for_one_that_began_with_another_request(sent, exchanges):
    assert Clients("1:v 1:s 2:s").play(sent) == exchanges


@pytest.mark.parametrize(
    ("sent", "exchanges"),
    [
        ("x:s y:s x:s y:s x:s", "1 2 3 4 5"),
        ("x:s y:s y:s x:s x:s", "1 2 4 3 5"),
        ("x:s x:s x:s y:s y:s", "1 3 5 2 4"),
        ("x:s y:s y:s y:s x:s", "1 2 4 3 5"),
    ],
)
def test_a_client_gets_the_answers_of_the_connection_it_stands_for_in_order(sent, exchanges):
    assert Clients("1:s 2:s 1:s 2:s 1:s").play(sent) == exchanges


def test_one_connection_plays_the_requests_of_many_in_order():
    assert Clients("1:s 2:v 2:s 3:s").play("x:s x:v x:s x:s x:s") == "1 2 3 4 4"


def test_many_connections_play_the_requests_of_one_in_order():
    assert Clients("1:v 1:s 1:s 2:s").play("a:v a! b:s b! c:s c! d:s d!") == "1 2 3 4"


def test_the_claims_of_a_connection_end_when_it_closes():
    clients = Clients("1:s 2:s 1:s")
    assert clients.play("x:s x! y:s") == "1 2"
    assert Clients("1:v 1:s 2:s").play("x:v x! y:s") == "1 2"
    assert Clients("1:v 1:s 2:s").play("x:v y:s") == "1 3"


def test_a_recorded_user_agent_decides():
    recorded = "1:sA 2:sB 1:sA 2:sB"
    assert Clients(recorded).play("x:sB y:sA y:sA x:sB") == "2 1 3 4"
    assert Clients(recorded).play("x:sC y:sC") == "1 2"


def test_a_request_without_a_user_agent_stands_for_a_recorded_one_without():
    assert Clients("1:sA 2:s 1:sA 2:s").play("x:s y:sA y:sA x:s") == "2 1 3 4"
    assert Clients("1:sA 2:sB").play("x:s y:sB") == "1 2"


def test_a_stream_id_decides_before_all_else():
    clients = Clients("1:r1 1:r2 2:r1", mutating=True)
    assert clients.play("x:r2 x:r1 x:r1 x:r1") == "2 1 3 none"


def test_an_unknown_connection_gets_the_order_of_the_recording():
    clients = Clients("1:v 1:s 2:s")
    view = clients.queues["s"].view(None)
    assert [described(view.select_next()) for _ in range(3)] == ["2", "3", "3"]


def test_every_answer_to_a_mutating_call_is_given_whoever_asks():
    clients = Clients("1:k 2:k 1:k 2:k", mutating=True)
    assert clients.play("x:k y:k z:k z:k z:k") == "1 2 3 4 none"


def test_a_client_that_replays_many_connections_claims_the_latest():
    recorded = " ".join(f"{n}:s" for n in range(1, 40))
    assert Clients(recorded).play("x:s " * 39).split() == [str(n) for n in range(1, 40)]


@pytest.mark.parametrize(
    ("abandoned", "selected"),
    [({3}, "1, 2, 3, 2, 2"), ({2, 3}, "1, 2, 3, 1, 1"), ({1, 2, 3}, "1, 2, 3, 3, 3")],
)
def test_a_call_that_was_left_before_its_answer_is_given_once(abandoned, selected):
    answers = AnswerQueue(mutating=False)
    for number in (1, 2, 3):
        ref = ExchangeRef(0, number)
        answers.add_exchange(ref, None, is_abandoned=number in abandoned)
    view = answers.view(None)
    assert view is not None
    assert ", ".join(described(view.select_next()) for _ in range(5)) == selected


def test_the_next_answer_can_be_known_before_it_is_given():
    view = queue("jj", mutating=True).view(ENCODINGS["j"])
    assert view is not None
    seen = [(described(view.peek_new()), described(view.select_next())) for _ in range(3)]
    assert seen == [("1", "1"), ("2", "2"), ("none", "none")]
