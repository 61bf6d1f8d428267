"""Bindings of recorded and live ids are one to one."""

from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.rebinding.id_bindings import IdBindings, ScopedId

values = st.sampled_from("abc")


@given(st.lists(st.tuples(values, values)))
def test_bindings_stay_one_to_one(pairs):
    bindings, kept = IdBindings(), {}
    for old, live in pairs:
        pair = (ScopedId("task-id", "f", old), live)
        fits = kept.get(old, live) == live and all(
            live != other or old == one for one, other in kept.items()
        )
        assert bindings.can_bind([pair]) == fits
        if fits:
            bindings.bind([pair])
            kept[old] = live
    for old, live in kept.items():
        assert bindings.live_value(ScopedId("task-id", "f", old)) == live
        assert bindings.recorded_value(ScopedId("task-id", "f", live)) == old


@given(st.lists(st.tuples(values, values)))
def test_pairs_can_be_bound_together_if_they_can_one_after_the_other(pairs):
    together, one_by_one = IdBindings(), IdBindings()
    named = [(ScopedId("task-id", "f", old), live) for old, live in pairs]
    fits = True
    for pair in named:
        fits = fits and one_by_one.can_bind([pair])
        if fits:
            one_by_one.bind([pair])
    assert together.can_bind(named) == fits
