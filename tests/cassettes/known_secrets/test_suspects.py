"""The compiled search for keywords finds what the automaton does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.known_secrets import suspects
from mesotape.cassettes.known_secrets.secrets import Secrets
from mesotape.cassettes.known_secrets.suspects import SuspectSearch
from mesotape.cassettes.redaction.redactor import Redactor

native: Any = suspects.native
pytestmark = pytest.mark.skipif(native is None, reason="the module was not compiled")

BLANKS = st.sampled_from([" ", "\n", "\n" + 7 * " ", "\n" + 8 * " ", "\n" + 9 * " ", 20 * " "])
LETTERS = st.text("abAB!12@ ", min_size=1, max_size=5)
TEXTS = st.lists(BLANKS | LETTERS | st.characters(), max_size=12).map("".join)
KEYWORDS = st.lists(
    st.tuples(st.sampled_from("ab!1@\n"), st.text("ab!12 \n@", min_size=1, max_size=12)).map(
        "".join
    ),
    min_size=1,
    max_size=8,
)
DEFAULT: Any = Redactor()._text.suspects


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def searched(search: Any, data: bytes) -> bool:
    found = search._has_keyword(data)
    assert found == search._find_keyword(data)
    return found


@given(KEYWORDS, TEXTS)
def test_random_keywords(keywords: list[str], text: str) -> None:
    search = SuspectSearch(keywords, Secrets(1), suspects_all=False)
    searched(search, encoded(text))


@pytest.mark.parametrize("before", ["", "x", "\n        ", "\n         ", "xxx" * 3_000])
def test_each_keyword_is_found_in_every_place(before: str) -> None:
    for keyword in DEFAULT._keywords:
        for spelling in (keyword, keyword.upper(), keyword.title()):
            for after in ("", "\0", "\xff"):
                text = before + spelling + after
                assert searched(DEFAULT, text.encode("latin-1")), text


def test_half_a_keyword() -> None:
    for keyword in DEFAULT._keywords:
        for cut in range(1, len(keyword)):
            for text in (keyword[:cut], keyword[cut:], f"{keyword[:cut]}\0{keyword[cut:]}"):
                searched(DEFAULT, text.encode())


@pytest.mark.parametrize("data", [b"", b"a", b"q", b"q~", b"Q~", b"xq~", b"q~q", b"q\0", b"~q"])
def test_short_texts(data: bytes) -> None:
    assert searched(DEFAULT, data) == (b"q~" in data.lower())


@pytest.mark.parametrize("keywords", [("abc",), [b"abc"], (b"a",), (b"",), (b" ab",)])
def test_keywords_that_are_refused(keywords: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        native.KeywordSearch(keywords)


def test_a_text_that_is_none() -> None:
    with pytest.raises(TypeError):
        native.KeywordSearch((b"abc",)).is_in("abc")
