"""Files of own rules, and the errors in them."""

import re
from pathlib import Path

import pytest

from mesotape.cassettes.format.documents import Note
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import OwnRule
from mesotape.cassettes.scanning.rule_files import RuleFileError, read_rules, select_rules

GOOD = r"""
rules:
  - id: acme-account
    value: 'ACME-[0-9]{8}'
    description: accounts
  - {id: customer, name: '(?i)^customer[-_]?id$'}
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_own_rules_are_read(tmp_path: Path) -> None:
    assert read_rules(written(tmp_path, GOOD)) == [
        OwnRule("acme-account", value="ACME-[0-9]{8}", description="accounts"),
        OwnRule("customer", name="(?i)^customer[-_]?id$"),
    ]


def test_own_rules_fire_and_can_be_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    note = Note(note="see ACME-12345678", at=0)
    assert Redactor(select_rules(path)).redact(note).note == "see REDACTED-1"
    assert Redactor(select_rules(path, ["acme-account"])).redact(note) is note


WRONG: list[tuple[str | bytes, str]] = [
    ("", ":1: expected a mapping with the key `rules`"),
    ("- a\n", ":1: expected a mapping with the key `rules`"),
    ("rules: x\n", ":1: expected a list of rules under the key `rules`"),
    ("rules: []\n", ":1: expected a list of rules under the key `rules`"),
    ("{}\n", ":1: expected a list of rules under the key `rules`"),
    ("rulez: []\n", ":1: unknown key 'rulez'; the nearest is rules"),
    ("rules:\n  - a\n", ":2: expected a rule with the keys `id`, and `value` or `name`"),
    ("rules:\n  - value: a\n", ":2: the rule has no `id`"),
    ("rules:\n  - id: a\n", ":2: expected either `value` or `name` in the rule"),
    (
        "rules:\n  - {id: a, value: b, name: c}\n",
        ":2: expected either `value` or `name` in the rule",
    ),
    ("rules:\n  - id: a\n    valeu: b\n", ":3: unknown key 'valeu'; the nearest is value"),
    ("rules:\n  - id: a\n    id: b\n", ":3: key 'id' is there twice"),
    ("rules:\n  - id: a\n    value: [b]\n", ":3: value: expected text"),
    ("rules:\n  - {id: A b, value: c}\n", ":2: id 'A b': expected letters a-z, digits and hyphens"),
    (
        "rules:\n  - {id: cookie, value: c}\n",
        ":2: id 'cookie' is that of a rule of mesotape: choose another",
    ),
    ("[" * 60000, ":1: not YAML: "),
    ("rules:\n  - {id: a, value: c}\n  - {id: a, value: d}\n", ":3: id 'a' is there twice"),
    (
        "rules:\n  - id: a\n    value: 'b('\n",
        ":3: value: not a regular expression: missing ), unterminated subpattern at position 1",
    ),
    (
        "rules:\n  - id: a\n    name: '*'\n",
        ":3: name: not a regular expression: nothing to repeat at position 0",
    ),
    ("rules:\n  - id: a\n    value: 'b*'\n", ":3: value: the expression matches the empty text"),
    ("rules: [\n", ":2: not YAML: "),
    (b"rules: \xff\n", ":1: not YAML: "),
    ("rules: *x\n", ":1: not YAML: "),
    ("#" * 70000, ": is longer than 65536 bytes"),
]


@pytest.mark.parametrize(("text", "error"), WRONG, ids=[each[1] for each in WRONG])
def test_an_error_names_the_line(tmp_path: Path, text: str | bytes, error: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(RuleFileError) as raised:
        read_rules(path)
    assert str(raised.value).startswith(f"{path}{error}")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError, match=r"none\.yaml: cannot be read: No such file"):
        read_rules(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("enviroment", "'enviroment' is not a rule of redaction; the nearest is environment"),
        ("acme-acount", "'acme-acount' is not a rule of redaction; the nearest is acme-account"),
        ("known-value", "'known-value' cannot be left out: leave out the rules that find secrets"),
    ],
)
def test_a_rule_that_cannot_be_left_out_is_named(tmp_path: Path, rule: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
        select_rules(written(tmp_path, GOOD), [rule])
