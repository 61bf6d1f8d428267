import pytest

from mesotape.cassettes.format.closest_word import closest_word, nearest_hint


@pytest.mark.parametrize(
    ("word", "closest"),
    [("SUBSCRIB", "SUBSCRIBE"), ("kill", None), ("", None), ("TEARDOWN" + "N" * 99, None)],
)
def test_the_closest_word(word, closest):
    assert closest_word(word, {"TEARDOWN", "SUBSCRIBE", "KILL"}) == closest


def test_a_word_is_closest_only_from_the_cutoff_on():
    assert closest_word("abcd", ["abxy"], cutoff=0.5) == "abxy"
    assert closest_word("abcd", ["abxy"], cutoff=0.6) is None


def test_a_hint_names_the_nearest_word_if_there_is_one():
    assert nearest_hint("KIL", ["KILL"]) == "; the nearest is KILL"
    assert nearest_hint("xyz", ["KILL"]) == ""
