import pytest

from mesotape.cassettes.journal import Place
from mesotape.cassettes.tracks import Track, Turn
from mesotape.proto.negotiation import JSON, PROTOBUF, ResponseType

ENCODINGS = {"j": ResponseType(JSON), "p": ResponseType(PROTOBUF), "-": None}


def track(recorded: str, *, mutating: bool = False) -> Track:
    made = Track(mutating=mutating)
    for number, letter in enumerate(recorded, 1):
        made.add(Place(0, number), ENCODINGS[letter])
    return made


def shown(turn: Turn | None) -> str:
    if turn is None:
        return "none"
    return f"{turn.place.exchange}{'' if turn.target is None else ' transcoded'}"


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
    assert ", ".join(shown(made.line(ENCODINGS[each]).take()) for each in wanted) == taken


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
    assert ", ".join(shown(made.line(ENCODINGS[each]).take()) for each in wanted) == taken


def test_what_nobody_took_is_unused():
    made = track("jpj")
    made.line(ENCODINGS["j"]).take()
    assert [place.exchange for place in made.unused] == [2, 3]
