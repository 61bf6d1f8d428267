import pytest

from mesotape.cassettes.format.exchange_ref import ExchangeRef
from mesotape.cassettes.matching.answer_queue import AnswerQueue, Selection
from mesotape.cassettes.matching.connections import ClientHints, ConnectionMap, RecordedConnection
from mesotape.cassettes.matching.repeat_rules import RepeatError, RepeatMode, RepeatRules
from mesotape.proto.api.negotiation import JSON, PROTOBUF, ResponseType

ENCODINGS = {"j": ResponseType(JSON), "p": ResponseType(PROTOBUF), "-": None}


def track(
    recorded: str, *, mutating: bool = False, repeat: RepeatMode | None = None
) -> AnswerQueue:
    made = AnswerQueue(mutating=mutating, repeat=repeat)
    for number, letter in enumerate(recorded, 1):
        made.add_exchange(ExchangeRef(0, number), ENCODINGS[letter])
    return made


def shown(turn: Selection | None) -> str:
    if turn is None:
        return "none"
    return f"{turn.exchange_ref.exchange}{'' if turn.target_type is None else ' transcoded'}"


@pytest.mark.parametrize(
    ("recorded", "wanted", "taken"),
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
def test_a_read_gets_what_was_recorded_in_its_encoding_or_else_all(recorded, wanted, taken):
    made = track(recorded)
    assert ", ".join(shown(made.view(ENCODINGS[each]).select_next()) for each in wanted) == taken


@pytest.mark.parametrize(
    ("recorded", "wanted", "taken"),
    [
        ("jj", "jjj", "1, 2, none"),
        ("jpj", "jjjj", "1, 3, 2 transcoded, none"),
        ("jpj", "pjpj", "2, 1, 3 transcoded, none"),
        ("jj", "ppp", "1 transcoded, 2 transcoded, none"),
    ],
)
def test_a_mutation_is_given_once_in_whatever_encoding(recorded, wanted, taken):
    made = track(recorded, mutating=True)
    assert ", ".join(shown(made.view(ENCODINGS[each]).select_next()) for each in wanted) == taken


def test_what_nobody_took_is_unused():
    made = track("jpj")
    made.view(ENCODINGS["j"]).select_next()
    assert [place.exchange for place in made.unused] == [2, 3]


@pytest.mark.parametrize("mutating", [False, True])
@pytest.mark.parametrize(
    ("repeat", "recorded", "wanted", "taken"),
    [
        ("last", "jj", "jjjj", "1, 2, 2, 2"),
        ("cycle", "jj", "jjjjj", "1, 2, 1, 2, 1"),
        ("never", "jj", "jjjj", "1, 2, none, none"),
        ("cycle", "j", "jjj", "1, 1, 1"),
    ],
)
def test_what_follows_the_last_answer_is_what_was_asked_for(
    repeat, recorded, wanted, taken, mutating
):
    made = track(recorded, mutating=mutating, repeat=repeat)
    assert ", ".join(shown(made.view(ENCODINGS[each]).select_next()) for each in wanted) == taken


def test_a_cycle_of_a_mutation_is_one_for_all_encodings():
    made = track("jp", mutating=True, repeat="cycle")
    taken = [shown(made.view(ENCODINGS[each]).select_next()) for each in "jppjj"]
    assert taken == ["1", "2", "2", "1", "1"]


def test_reads_of_the_two_encodings_start_again_by_themselves():
    made = track("jjp", repeat="cycle")
    taken = [shown(made.view(ENCODINGS[each]).select_next()) for each in "jppjj"]
    assert taken == ["1", "3", "3", "2", "1"]


def test_what_was_given_in_an_earlier_round_is_not_unused():
    made = track("jj", repeat="cycle")
    for _ in range(3):
        made.view(ENCODINGS["j"]).select_next()
    assert made.unused == []


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
def test_rules_are_for_all_or_for_a_call(rules, read, write, named):
    repeats = RepeatRules(rules)
    assert repeats.mode_for("GET_STATE", mutating=False) == read
    assert repeats.mode_for(None, mutating=False) == read
    assert repeats.mode_for("KILL", mutating=True) == write
    assert repeats.mode_for("GET_TASKS", mutating=False) == named


def test_who_names_a_mutating_call_has_its_last_answer_again():
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
def test_a_rule_that_makes_no_sense_is_an_error(rule, text):
    with pytest.raises(RepeatError, match=text) as error:
        RepeatRules([rule])
    assert len(str(error.value)) < 300


class Crowd:
    """Recorded connections that said things, `1:v 2:s …`, and tracks by what was said."""

    def __init__(self, said: str, *, mutating: bool = False) -> None:
        self.clients = ConnectionMap()
        self.tracks: dict[str, AnswerQueue] = {}
        for number, each in enumerate(said.split(), 1):
            name, _, (what, *signs) = each.partition(":")
            source = RecordedConnection(0, int(name))
            if what not in self.tracks:
                self.tracks[what] = AnswerQueue(mutating=mutating, connections=self.clients)
            part = self.clients.add_step(source, self.signs(signs))
            self.tracks[what].add_exchange(ExchangeRef(0, number), None, part)

    def signs(self, said) -> ClientHints:
        """A capital letter is a User-Agent, a digit a stream id."""
        agents = [each for each in said if each.isalpha()]
        streams = [each for each in said if each.isdigit()]
        return ClientHints("".join(streams) or None, "".join(agents) or None)

    def play(self, said: str) -> str:
        """Who says what gets which exchange; `x!` leaves."""
        got = []
        for each in said.split():
            if each.endswith("!"):
                self.clients.forget_connection(ord(each[0]))
                continue
            name, _, (what, *signs) = each.partition(":")
            turn = self.tracks[what].view(None).select_next(ord(name), self.signs(signs))
            if turn is not None:
                self.clients.record_played(ord(name), turn.connection_step)
            got.append(shown(turn))
        return " ".join(got)


@pytest.mark.parametrize(
    ("said", "got"),
    [
        ("x:s y:v y:s", "3 1 2"),
        ("y:v x:s y:s", "1 3 2"),
        ("y:v y:s x:s", "1 2 3"),
    ],
)
def test_who_began_otherwise_is_not_meant(said, got):
    assert Crowd("1:v 1:s 2:s").play(said) == got


@pytest.mark.parametrize(
    ("said", "got"),
    [
        ("x:s y:s x:s y:s x:s", "1 2 3 4 5"),
        ("x:s y:s y:s x:s x:s", "1 2 4 3 5"),
        ("x:s x:s x:s y:s y:s", "1 3 5 2 4"),
        ("x:s y:s y:s y:s x:s", "1 2 4 3 5"),
    ],
)
def test_who_stands_for_one_gets_all_of_that_one_in_order(said, got):
    assert Crowd("1:s 2:s 1:s 2:s 1:s").play(said) == got


def test_one_connection_plays_what_many_have_said_in_order():
    assert Crowd("1:s 2:v 2:s 3:s").play("x:s x:v x:s x:s x:s") == "1 2 3 4 4"


def test_many_connections_play_what_one_has_said_in_order():
    assert Crowd("1:v 1:s 1:s 2:s").play("a:v a! b:s b! c:s c! d:s d!") == "1 2 3 4"


def test_what_a_connection_stood_for_is_free_when_it_has_left():
    crowd = Crowd("1:s 2:s 1:s")
    assert crowd.play("x:s x! y:s") == "1 2"
    assert Crowd("1:v 1:s 2:s").play("x:v x! y:s") == "1 2"
    assert Crowd("1:v 1:s 2:s").play("x:v y:s") == "1 3"


def test_a_user_agent_that_was_recorded_decides():
    recorded = "1:sA 2:sB 1:sA 2:sB"
    assert Crowd(recorded).play("x:sB y:sA y:sA x:sB") == "2 1 3 4"
    assert Crowd(recorded).play("x:sC y:sC") == "1 2"


def test_a_stream_id_decides_before_all_else():
    crowd = Crowd("1:r1 1:r2 2:r1", mutating=True)
    assert crowd.play("x:r2 x:r1 x:r1 x:r1") == "2 1 3 none"


def test_a_connection_that_nobody_knows_gets_the_order_of_the_recording():
    crowd = Crowd("1:v 1:s 2:s")
    line = crowd.tracks["s"].view(None)
    assert [shown(line.select_next()) for _ in range(3)] == ["2", "3", "3"]


def test_no_answer_to_a_mutation_is_lost_whoever_asks():
    crowd = Crowd("1:k 2:k 1:k 2:k", mutating=True)
    assert crowd.play("x:k y:k z:k z:k z:k") == "1 2 3 4 none"


def test_a_client_of_many_connections_keeps_the_latest():
    said = " ".join(f"{n}:s" for n in range(1, 40))
    assert Crowd(said).play("x:s " * 39).split() == [str(n) for n in range(1, 40)]
