"""A secret is looked for, or not, whenever and however often it is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.known_secrets import secrets as module
from mesotape.cassettes.known_secrets.secrets import Secrets

VALUES = ["kX9.fj2-ffQ0zz", "kX9.fj2-ffQ0z1", "some words", "b6%Q-w1!t77=", "/usr/lib/x", "ab1", ""]
TEXT = " ".join(VALUES).encode()


@given(st.lists(st.tuples(st.sampled_from(VALUES), st.booleans()), max_size=12))
def test_a_value_found_again_is_judged_again_if_it_is_certain(
    found: list[tuple[str, bool]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MAX_SOUGHT", 3)
        patch.setattr(module, "_MAX_UNCERTAIN_SOUGHT", 2)
        secrets, always = Secrets(), Secrets()
        for value, is_certain in found:
            placeholder = secrets.placeholder(value, is_certain=is_certain)
            assert placeholder == always.placeholder(value, is_certain=is_certain)
            number = int(placeholder.removeprefix("REDACTED-"))
            always._seek(value.encode(), number, is_certain=is_certain)
            assert list(secrets.find(TEXT)) == list(always.find(TEXT))
            assert secrets.sought_count == always.sought_count


def test_a_value_that_is_certain_later_is_looked_for() -> None:
    secrets = Secrets()
    secrets.placeholder("some words", is_certain=False)
    assert not secrets.are_in(TEXT)
    secrets.placeholder("some words")
    assert secrets.are_in(TEXT)
