"""The text of a file of rules, as rules (rule_files.py), or the line and the reason of an error."""

import re
from collections.abc import Iterator

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..format.closest_word import nearest_hint
from ..format.documents import DocumentError
from ..redaction.rules import RULE_IDS, OwnRule

_ID = re.compile(r"[a-z][a-z0-9-]{0,63}")
_KEYS = OwnRule.__struct_fields__


def parse_rules(data: bytes) -> list[OwnRule]:
    """Parse rules in YAML. Raises DocumentError."""
    try:
        root = yaml.compose(data, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        raise DocumentError(line, f"not YAML: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        text = str(error).partition("\n")[0]
        raise DocumentError(1, f"not YAML: {text}") from error
    return list(_RuleReader().rules(root))


class _RuleReader:
    """Checks the nodes of a file, each with its line."""

    def __init__(self) -> None:
        self._ids = set[str]()

    def rules(self, root: Node | None) -> Iterator[OwnRule]:
        if not isinstance(root, MappingNode):
            raise DocumentError(1, "expected a mapping with the key `rules`")
        members = self._members(root, ("rules",))
        rules = members.get("rules")
        if not isinstance(rules, SequenceNode) or not rules.value:
            raise self._error(rules or root, "expected a list of rules under the key `rules`")
        for node in rules.value:
            yield self._rule(node)

    def _rule(self, node: Node) -> OwnRule:
        if not isinstance(node, MappingNode):
            raise self._error(node, "expected a rule with the keys `id`, and `value` or `name`")
        members = self._members(node, _KEYS)
        texts = {key: self._text(key, value) for key, value in members.items()}
        if "id" not in texts:
            raise self._error(node, "the rule has no `id`")
        if ("value" in texts) == ("name" in texts):
            raise self._error(node, "expected either `value` or `name` in the rule")
        self._check_id(texts["id"], members["id"])
        key = "value" if "value" in texts else "name"
        self._check_expression(key, texts[key], members[key])
        return OwnRule(**texts)

    def _check_id(self, rule: str, node: Node) -> None:
        if not _ID.fullmatch(rule):
            raise self._error(node, f"id {rule[:64]!r}: expected letters a-z, digits and hyphens")
        if rule in RULE_IDS:
            raise self._error(node, f"id {rule!r} is that of a rule of mesotape: choose another")
        if rule in self._ids:
            raise self._error(node, f"id {rule!r} is there twice")
        self._ids.add(rule)

    def _check_expression(self, key: str, text: str, node: Node) -> None:
        try:
            expression = re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise self._error(node, f"{key}: not a regular expression: {error}") from error
        if expression.search("") is not None:
            raise self._error(node, f"{key}: the expression matches the empty text")

    def _members(self, node: MappingNode, known: tuple[str, ...]) -> dict[str, Node]:
        members: dict[str, Node] = {}
        for key_node, value in node.value:
            key = self._text("key", key_node)
            if key not in known:
                hint = nearest_hint(key, known)
                raise self._error(key_node, f"unknown key {key[:64]!r}{hint}")
            if key in members:
                raise self._error(key_node, f"key {key!r} is there twice")
            members[key] = value
        return members

    def _text(self, key: str, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise self._error(node, f"{key}: expected text")
        return node.value

    def _error(self, node: Node, text: str) -> DocumentError:
        return DocumentError(node.start_mark.line + 1, text)
