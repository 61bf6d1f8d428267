import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesotape.cassettes.faults.fault_spec import Fault, FaultError, parse_fault
from mesotape.cassettes.faults.kinds import FAULT_KINDS, PREEMPTIVE_FAULTS
from mesotape.cassettes.faults.seeded_random import SeededRandom
from mesotape.cassettes.faults.selector import SELECT_ALL, Selector
from mesotape.proto.api.apis import APIS

WHICHES = st.one_of(
    st.just(SELECT_ALL),
    st.integers(1, 999_999_999).map(lambda n: Selector(n, n)),
    st.integers(2, 999).map(Selector),
    st.tuples(st.integers(1, 999), st.integers(1, 999)).map(lambda p: Selector(p[0], sum(p))),
    st.integers(1, 100_000_000).map(lambda n: Selector(share=float(f"{n / 1_000_000:f}") / 100)),
)
VALUES = {
    "SECONDS": st.floats(0, 86400).map(abs),
    "BYTES": st.integers(0, 1 << 20),
    "DIGITS": st.integers(1, 20),
    "LENGTH": st.integers(0, 10**20),
    "+N|-N": st.integers(1, 10**9) | st.integers(-(10**9), -1),
    "HOST:PORT": st.sampled_from(["127.0.0.1:5050", "leader", "[::1]:5050", "a-b.example:1"]),
}
STREAMED = ["", "SUBSCRIBE", "scheduler", "scheduler.SUBSCRIBE", "/files/read"]
CALLS = [*STREAMED, "ACCEPT", "agent", "executor.UPDATE"]


@st.composite
def faults(draw):
    kind = draw(st.sampled_from(list(FAULT_KINDS.values())))
    value = st.none() if kind.unit is None else VALUES[kind.unit]
    if kind.unit is not None and not kind.is_value_required:
        value = st.none() | value
    of_records = kind.scope == "record"
    return Fault(
        kind=kind,
        value=draw(value),
        selector=draw(WHICHES),
        call=draw(st.sampled_from(STREAMED if of_records else CALLS)),
        call_selector=draw(WHICHES) if of_records else SELECT_ALL,
    )


@given(faults())
def test_parsing_the_text_of_a_fault_gives_the_fault(fault):
    assert parse_fault(str(fault)) == fault


@given(st.text() | st.text(string.printable, max_size=12).map(lambda text: f"drop{text}"))
def test_an_invalid_fault_is_refused_in_one_line(text):
    said = refusal(text)
    if said is not None:
        assert said.startswith("fault ")
        assert len(said.splitlines()) == 1
        assert len(said) < 300


def refusal(text):
    """The error for an invalid fault; None for a valid one, which is formatted and parsed again."""
    try:
        fault = parse_fault(text)
    except FaultError as error:
        return str(error)
    assert parse_fault(str(fault)) == fault
    return None


@pytest.mark.parametrize(
    ("text", "target", "selected"),
    [
        ("drop", ("master", "SUBSCRIBE", "/api/v1"), [1, 2, 3, 4, 5]),
        ("drop@3", ("master", "SUBSCRIBE", "/api/v1"), [3]),
        ("drop@3+", ("master", "SUBSCRIBE", "/api/v1"), [3, 4, 5]),
        ("SUBSCRIBE:drop@2-4", ("scheduler", "SUBSCRIBE", "/api/v1/scheduler"), [2, 3, 4]),
        ("scheduler:drop@1", ("scheduler", "SUBSCRIBE", "/api/v1/scheduler"), [1]),
        ("scheduler.SUBSCRIBE:drop@1", ("scheduler", "SUBSCRIBE", "/api/v1/scheduler"), [1]),
        ("scheduler.SUBSCRIBE:drop@1", ("master", "SUBSCRIBE", "/api/v1"), None),
        ("ACCEPT:503", ("scheduler", "DECLINE", "/api/v1/scheduler"), None),
        ("/version:503", ("", "", "/version"), [1, 2, 3, 4, 5]),
        ("/version:503", ("", "", "/state"), None),
        ("SUBSCRIBE:503", ("", "", "/state"), None),
        ("503", ("", "", "/state"), [1, 2, 3, 4, 5]),
        ("drop@100%", ("master", "SUBSCRIBE", "/api/v1"), [1, 2, 3, 4, 5]),
    ],
)
def test_a_fault_selects_calls_and_numbers(text, target, selected):
    fault = parse_fault(text)
    assert fault.is_for(*target) == (selected is not None)
    if selected is not None:
        assert [n for n in range(1, 6) if fault.selector.is_selected(n, lambda: 0.999)] == selected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no fault ''; `mesotape replay --list-faults` lists them all"),
        ("cut-recrd@3", "there is no fault 'cut-recrd'; the nearest is cut-record"),
        ("drop@", "after @: found '', expected a number from 1, a range 2-4"),
        ("drop@0", "after @: found '0', expected a number from 1"),
        ("drop@third", "after @: found 'third', expected a number from 1"),
        ("drop@²", "after @: found '²', expected a number"),
        ("drop@5-2", "after @: found '5-2', expected the lower number of the range first"),
        ("drop@0%", "after @: found '0%', expected a share above 0%, and at most 100%"),
        ("drop@200%", "after @: found '200%', expected a share above 0%, and at most 100%"),
        ("drop=3", "drop takes no value, found =3"),
        ("late", "expected late=SECONDS"),
        ("late=soon", "the value is 'soon', expected late=SECONDS, from 0 to 86400"),
        ("stall=nan", "the value is 'nan', expected stall[=SECONDS], from 0 to 86400"),
        ("stall=-1", "the value is '-1', expected stall[=SECONDS], from 0 to 86400"),
        ("stall=1e9", "the value is '1e9', expected stall[=SECONDS], from 0 to 86400"),
        ("garbage=9999999999", "the value is '9999999999', expected garbage[=BYTES], from 0 to"),
        ("cut-length=0", "the value is '0', expected cut-length[=DIGITS], from 1 to 20"),
        ("wrong-length=3", "the value is '3', expected wrong-length[=+N|-N], like +1 or -2"),
        ("307=a b", "the value is 'a b', expected 307[=HOST:PORT], like 127.0.0.1:5050"),
        ("SUBSCIBE:drop", "no v1 API has a call 'SUBSCIBE'; the nearest is SUBSCRIBE"),
        (
            "GET_HEALTH:drop",
            "drop is a fault of records, and GET_HEALTH is not answered by a stream",
        ),
        ("SUBSCRIBE#2:503", "503 is a fault of calls; write SUBSCRIBE:503@2"),
        ("#x:drop", "after #: found 'x', expected a number from 1"),
        ("drop:drop:drop", "expected [CALL[#WHICH]:]KIND[=VALUE][@WHICH], like cut-record@3"),
    ],
)
def test_the_error_names_what_is_wrong_with_a_fault(text, says):
    with pytest.raises(FaultError) as raised:
        parse_fault(text)
    assert str(raised.value).startswith(f"fault {text}: {says}")


def test_every_kind_has_a_description_and_can_be_parsed():
    for name, kind in FAULT_KINDS.items():
        assert kind.name == name
        assert kind.client_effect.endswith(".")
        assert kind.resembles.endswith(".")
        assert parse_fault(
            f"{name}={3 if kind.unit == 'SECONDS' else 1}" if kind.is_value_required else name
        )
    assert set(FAULT_KINDS) > PREEMPTIVE_FAULTS


def test_faults_of_records_are_only_for_calls_answered_by_streams():
    for api in APIS:
        for name, call in api.call_types.items():
            if call.record_message is not None:
                assert parse_fault(f"{api.name}.{name}:drop").call == f"{api.name}.{name}"
            else:
                with pytest.raises(FaultError):
                    parse_fault(f"{api.name}.{name}:drop")


def test_random_values_depend_on_seed_and_key_but_not_on_earlier_ones():
    one, same, other = SeededRandom("0 drop"), SeededRandom("0 drop"), SeededRandom("1 drop")
    drawn = [one.random_fraction("exchange", number) for number in range(1000)]
    assert [same.random_fraction("exchange", number) for number in reversed(range(1000))] == drawn[
        ::-1
    ]
    assert [other.random_fraction("exchange", number) for number in range(1000)] != drawn
    assert all(0 <= each < 1 for each in drawn)
    assert 0.4 < sum(drawn) / 1000 < 0.6
    assert {one.random_below(3, number) for number in range(100)} == {0, 1, 2}
    assert len(one.random_bytes(1000, "x")) == 1000
