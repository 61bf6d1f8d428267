"""`validate --fix`: numbers are corrected where it is clear how, and all else stays."""

import gzip
from pathlib import Path

import pytest
from support.paths import DATA
from support.verdicts import validate_cassette

from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.fixing import fix_numbers

MERGED = (DATA / "merge-keeps-both.yaml").read_text()
START = "---\nmesotape: 1\nserver: master\nrecorded_at: 2026-11-22T12:18:29Z\n...\n"

FLOW = """\
---
{exchange: 1, at: 5, client: 1, request: {method: GET, path: /}, response: {after: 0}}
...
"""


def exchange(number: int, at: float, client: int = 1, stream: bool = True) -> str:
    answer = "{after: 0, status: 200, stream: recordio}" if stream else "{after: 0, status: 200}"
    request = "request: {method: GET, path: /x}"
    head = f"---\nexchange: {number}  # kept\nat: {at}\nclient: {client}\n"
    return f"{head}{request}\nresponse: {answer}\n...\n"


def event(number: int, of: int, at: float) -> str:
    return f"---\nevent: {number}\nof: {of}\nat: {at}\ntext: x\n...\n# a comment\n\n"


def end(of: int, at: float) -> str:
    return f"---\nend: {of}\nat: {at}\ncause: server\n...\n"


def fixed(path: Path, text: str, line_end: str = "\n") -> tuple[list[str], str | None, str]:
    path.write_bytes(text.replace("\n", line_end).encode())
    result = fix_numbers(path)
    changes = [each.removeprefix(f"{path}:") for each in result.changes]
    return changes, result.reason, path.read_bytes().decode().replace(line_end, "\n")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_merge_that_kept_both_sides_is_numbered_anew(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "merged.yaml"
    changes, reason, text = fixed(path, MERGED, line_end)
    assert reason is None
    assert changes == [
        "40: exchange 2: exchange 2 is now 3, client 2 is now 3",
        "47: event 1 of exchange 2: of 2 is now 3",
        "53: event 2 of exchange 2: of 2 is now 3",
        "59: end of exchange 2: end 2 is now 3",
    ]
    assert validate_cassette(path) == []
    pairs = zip(MERGED.split("\n"), text.split("\n"), strict=True)
    assert [(a, b) for a, b in pairs if a != b] == [
        ("exchange: 2", "exchange: 3"),
        ("client: 2", "client: 3"),
        ("of: 2", "of: 3"),
        ("of: 2", "of: 3"),
        ("end: 2", "end: 3"),
    ]
    before = path.stat().st_mtime_ns
    assert fix_numbers(path).changes == []
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (  # Events that are missing, or have numbers of others.
            exchange(1, 1) + event(1, 1, 2) + event(3, 1, 3) + event(3, 1, 4),
            exchange(1, 1) + event(1, 1, 2) + event(2, 1, 3) + event(3, 1, 4),
        ),
        (  # Two equal ends.
            exchange(1, 1) + event(1, 1, 2) + end(1, 3) + end(1, 3),
            exchange(1, 1) + event(1, 1, 2) + end(1, 3),
        ),
        (  # Exchanges out of order; the gap stays.
            exchange(1, 5) + event(1, 1, 6) + exchange(4, 2, stream=False),
            exchange(4, 5) + event(1, 4, 6) + exchange(1, 2, stream=False),
        ),
        (  # The second side was recorded first.
            exchange(1, 0, 1, stream=False)
            + exchange(2, 9, 2) + event(1, 2, 9.5) + exchange(3, 10, 2, stream=False)
            + exchange(2, 5, 2) + event(1, 2, 5.5) + "---\nnote: x\nat: 6\nof: 2\n...\n",
            exchange(1, 0, 1, stream=False)
            + exchange(3, 9, 2) + event(1, 3, 9.5) + exchange(4, 10, 2, stream=False)
            + exchange(2, 5, 3) + event(1, 2, 5.5) + "---\nnote: x\nat: 6\nof: 2\n...\n",
        ),
    ],
    ids=["events", "ends", "order", "sides"],
)  # fmt: skip
def test_what_is_clear_is_fixed(tmp_path: Path, text: str, wanted: str) -> None:
    path = tmp_path / "wrong.yaml"
    _, reason, after = fixed(path, START + text)
    assert (reason, after) == (None, START + wanted)
    assert validate_cassette(path) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # The records of both sides are mixed.
        (exchange(2, 1) * 2 + event(1, 2, 3) + event(1, 2, 4) + event(2, 2, 3), "which"),
        (exchange(1, 1) + event(2, 1, 5) + event(1, 1, 4), "how to correct"),
        (exchange(1, 1) + end(1, 3) + end(1, 4), "how to correct"),
        (exchange(2, 1) + exchange(2, 2) + "---\nx: 1\n...\n", "correct the wrong documents"),
        (FLOW + exchange(1, 6), None),
        (FLOW + exchange(1, 4), "line 7: its numbers are not at the beginnings of lines"),
    ],
)  # fmt: skip
def test_what_is_not_clear_stays(tmp_path: Path, text: str, reason: str | None) -> None:
    path = tmp_path / "wrong.yaml"
    changes, given, after = fixed(path, START + text)
    if reason is None:
        assert (given, len(changes)) == (None, 1)
        return
    assert changes == []
    assert given is not None
    assert reason in given
    assert after == START + text
    assert list(tmp_path.iterdir()) == [path]


def test_a_compressed_cassette_stays_compressed(tmp_path: Path) -> None:
    path = tmp_path / "merged.yaml.gz"
    path.write_bytes(gzip.compress(MERGED.encode()))
    assert len(fix_numbers(path).changes) == 4
    with Cassette.open(path) as cassette:
        assert len(cassette) == 3


def test_mode_and_link_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "a.yaml", tmp_path / "b.yaml"
    target.write_text(MERGED)
    target.chmod(0o640)
    link.symlink_to(target)
    assert fix_numbers(link, backup=True).changes
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "a.yaml.bak").read_text() == MERGED
