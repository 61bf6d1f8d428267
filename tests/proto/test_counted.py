import re

import pytest
from support.paths import ROOT

from mesotape.proto.counted import counted, was

LIMIT = re.compile(r"max|limit|most", re.IGNORECASE)
NEVER_ONE = {"chunks", "expected", "len(data)", "len(found)", "self.count", "size"}
"""What is only counted from two on, or never is one; as limits are not."""

NOUNS = "byte|call|cassette|character|chunk|event|exchange|message|note|record|request|stream|time"
PLURAL = re.compile(r"(of |of its )?\{([^{}\"]+)\} (?:more )?(?:" + NOUNS + r")s\b")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 events were"),
        (1, "1 event was"),
        (2, "2 events were"),
        (1_000_000, "1000000 events were"),
    ],
)
def test_one_thing_is_singular(count: int, text: str) -> None:
    assert f"{counted(count, 'event')} {was(count)}" == text


def test_no_text_has_a_number_before_a_fixed_plural() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for floor in ("addons", "cassettes", "proto", "proxy")
        for path in (ROOT / floor).rglob("*.py")
        for match in PLURAL.finditer(path.read_text())
        if not match[1] and not LIMIT.search(match[2]) and match[2] not in NEVER_ONE
    ]
    assert found == [], "write it with counted()"
