"""The examples of docs/cassette.md are a valid cassette in the layout of the recorder."""

import re
from pathlib import Path
from typing import get_args

import pytest
from support.paths import ROOT
from support.verdicts import validate_cassette

from mesotape.cassettes.format import parsing, yaml_writer
from mesotape.cassettes.format.documents import Spacing
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.findings import FINDING_KINDS
from mesotape.proto.diagnosis.problems import SEVERITY_BY_REASON

TEXT = (ROOT / "docs" / "cassette.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def ends_last(text: str) -> str:
    """Move the end of exchange 1 after the events that the page shows later."""
    documents = re.findall(r"^---\n.*?^\.\.\.\n", text, re.DOTALL | re.MULTILINE)
    return "".join(sorted(documents, key=lambda document: document.startswith("---\nend: 1\n")))


def test_the_examples_are_a_valid_cassette(tmp_path: Path) -> None:
    path = tmp_path / "docs.yaml"
    path.write_text(ends_last("".join(EXAMPLES)))
    assert validate_cassette(path) == []
    with Cassette.open(path) as cassette:
        assert len(cassette) == 5


@pytest.mark.parametrize("example", EXAMPLES[:-1])
def test_the_examples_have_the_layout_of_the_recorder(example: str) -> None:
    for document in re.findall(r"^---\n.*?^\.\.\.\n", example, re.DOTALL | re.MULTILINE):
        data = document.encode()
        assert yaml_writer.format_document(parsing.parse_document(data)) == data


@pytest.mark.parametrize("spacing", get_args(Spacing.__value__))
def test_the_page_lists_every_spacing(spacing: str) -> None:
    name = spacing if spacing == "compact newline" else spacing.removesuffix(" newline")
    assert f"`{name}`" in TEXT


def test_the_table_of_findings_is_that_of_the_judge() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\w+) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)
    assert {row[0]: row[1:] for row in rows} == {
        code: (kind.level, kind.meaning, kind.fix or "-") for code, kind in FINDING_KINDS.items()
    }


def test_inspect_knows_the_severity_of_each_finding() -> None:
    severities = {"error": "malformed", "malformed": "malformed", "warning": "warning"}
    assert {code: severities[kind.level] for code, kind in FINDING_KINDS.items()}.items() <= (
        SEVERITY_BY_REASON.items()
    )
