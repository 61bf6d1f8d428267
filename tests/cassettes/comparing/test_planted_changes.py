"""Another run that differs in one thing at a random place: that is named, and nothing else is.

MESOTAPE_DIFF_RUNS=20 plants twenty of each kind.
"""

import os
import random

import pytest
from support.captured_cassettes import captured as captured
from support.planted_changes import PLANTS, Planting

from mesotape.cassettes.comparing.comparison import Comparison
from mesotape.cassettes.matching.ignore_rules import IgnoreRules
from mesotape.cassettes.storage.reader import Cassette

RUNS = int(os.environ.get("MESOTAPE_DIFF_RUNS", "1"))
CAPTURES = (
    "two-clients",
    "stream-ends",
    "master-subscribe-json",
    "scheduler-protobuf-execute",
    "agent-unary-json",
)


@pytest.mark.parametrize("encoding", [None, "json", "protobuf"])
@pytest.mark.parametrize("name", CAPTURES)
def test_a_change_at_any_place_is_named_exactly(captured, tmp_path, name, encoding):
    source = captured(name)
    planting = Planting(source, encoding, tmp_path)
    for kind in PLANTS:
        for seed in range(RUNS):
            expected = planting.plant(kind, random.Random(f"{name} {encoding} {kind} {seed}"))
            if not expected:
                continue
            with Cassette.open(source) as first, Cassette.open(planting.target) as second:
                comparison = Comparison(first, second, IgnoreRules((), with_answers=True))
                found = list(comparison.differences())
            text = f"{kind}, seed {seed}: expected one of {expected}, found {found}"
            assert len(found) == 1, text
            assert any(each.is_said_by(found[0]) for each in expected), text
