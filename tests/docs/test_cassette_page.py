"""The examples in docs/cassette.md are a cassette, and what is said to be canonical is."""

import re
from pathlib import Path

import pytest
from support.paths import ROOT

from mesotape.cassettes.format import parsing
from mesotape.cassettes.recording import writer
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.validation import validate_cassette

TEXT = (ROOT / "docs" / "cassette.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
BY_HAND = EXAMPLES[-1]


def in_order(text: str) -> str:
    """Move the ends of streams behind the events that the page shows later."""
    documents = re.findall(r"^---\n.*?^\.\.\.\n", text, re.DOTALL | re.MULTILINE)
    return "".join(sorted(documents, key=lambda one: one.startswith("---\nend: 1\n")))


def test_the_examples_are_a_sound_cassette(tmp_path: Path) -> None:
    path = tmp_path / "docs.yaml"
    path.write_text(in_order("".join(EXAMPLES)))
    assert validate_cassette(path) == []
    with Cassette.open(path) as cassette:
        assert len(cassette) == 4


@pytest.mark.parametrize("example", EXAMPLES[:-1])
def test_the_layout_is_the_recorders(example: str) -> None:
    for document in re.findall(r"^---\n.*?^\.\.\.\n", example, re.DOTALL | re.MULTILINE):
        assert (
            writer.format_document(parsing.parse_document(document.encode())) == document.encode()
        )
