"""Each cell of the table in docs/comparison.md has a source, or says that there is none."""

import re

from support.paths import ROOT

PAGE = (ROOT / "docs" / "comparison.md").read_text()
WITHOUT_SOURCE = {"–", "not measured"}


def test_each_cell_has_a_source() -> None:
    section = PAGE.partition("\n## In a table\n")[2].partition("\n## ")[0]
    head, _, *rows = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    assert len(rows) > 10
    for row in rows:
        what, *cells = row.split(" | ")
        assert len(cells) == len(head.split("| ")[1:]), what
        unproven = [each for each in cells if not re.search(r"\]\(|`", each)]
        assert set(unproven) <= WITHOUT_SOURCE, what
