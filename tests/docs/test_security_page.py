"""The table of rules in docs/security.md is that of the code, and its examples work."""

import re
from pathlib import Path

import yaml
from support.paths import ROOT

from mesotape.cassettes.redaction.rules import PLACE_RULES, RULE_IDS
from mesotape.cassettes.redaction.value_shapes import VALUE_SHAPES
from mesotape.cassettes.scanning.rule_files import read_rules

PAGE = (ROOT / "docs" / "security.md").read_text()
SECRETS = PAGE.partition("\n## Secrets\n")[2].partition("\n## ")[0]
INSTALLED_AS = "mesotape @ git+https://github.com/mesotape/mesotape"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", SECRETS, re.MULTILINE | re.DOTALL)


def test_the_table_has_all_rules() -> None:
    table = SECRETS.partition("| rule | what it replaces |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \|$", table, re.MULTILINE)
    described = PLACE_RULES | {shape.id: shape.description for shape in VALUE_SHAPES}
    assert rows == [(rule, described[rule]) for rule in RULE_IDS]


def test_the_example_of_own_rules_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(EXAMPLES[0])
    assert [rule.id for rule in read_rules(path)] == ["acme-account", "customer"]


def test_the_hook_selects_cassettes() -> None:
    (repo,) = yaml.safe_load(EXAMPLES[1])["repos"]
    (hook,) = repo["hooks"]
    assert hook["entry"] == "mesotape scan"
    # The name alone would fetch from an index, where it may be another project's.
    assert hook["additional_dependencies"] == [INSTALLED_AS]
    names = ("tests/cassettes/a.yaml", "cassettes/test_a/b.yml", "cassettes/c.yaml.gz")
    assert all(re.search(hook["files"], name) for name in names)
    assert not re.search(hook["files"], "cassettes/README.md")
