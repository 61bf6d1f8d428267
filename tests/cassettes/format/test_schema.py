"""The JSON Schema of a document, checked with the part of JSON Schema that it uses."""

import inspect
import json
import re
from importlib.resources import files
from typing import Any

import pytest
import yaml
from support.paths import DATA, ROOT

from mesotape.cassettes.format.schema import build_json_schema

SHIPPED: dict[str, Any] = json.loads(
    files("mesotape.cassettes").joinpath("cassette.schema.json").read_text()
)
TYPES = {
    "string": str,
    "object": dict,
    "array": list,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
KNOWN = {
    "$schema", "$defs", "$ref",
    "additionalProperties", "allOf", "anyOf", "const", "contentEncoding", "default",
    "dependentRequired", "description", "enum", "format", "items", "maximum", "maxItems",
    "minimum", "minItems", "not", "oneOf", "prefixItems", "properties", "required", "title",
    "type",
}  # fmt: skip


def fits(value: Any, rule: Any) -> bool:
    if isinstance(rule, bool):
        return rule
    assert rule.keys() <= KNOWN, rule.keys() - KNOWN
    return all(_fits(value, rule, word, operand) for word, operand in rule.items())


def _fits(value: Any, rule: dict[str, Any], word: str, operand: Any) -> bool:
    match word:
        case "$ref":
            return fits(value, SHIPPED["$defs"][operand.removeprefix("#/$defs/")])
        case "type":
            names = [operand] if isinstance(operand, str) else operand
            return any(isinstance(value, TYPES[name]) for name in names)
        case "const":
            return value == operand
        case "enum":
            return value in operand
        case "oneOf":
            return sum(fits(value, one) for one in operand) == 1
        case "anyOf":
            return any(fits(value, one) for one in operand)
        case "not":
            return not fits(value, operand)
        case "minimum":
            return not isinstance(value, int | float) or value >= operand
        case "maximum":
            return not isinstance(value, int | float) or value <= operand
    if isinstance(value, dict):
        return _fits_object(value, rule, word, operand)
    if isinstance(value, list):
        return _fits_array(value, rule, word, operand)
    return True


def _fits_object(value: dict[str, Any], rule: dict[str, Any], word: str, operand: Any) -> bool:
    match word:
        case "required":
            return set(operand) <= value.keys()
        case "dependentRequired":
            return all(set(more) <= value.keys() for key, more in operand.items() if key in value)
        case "properties":
            return all(fits(value[key], part) for key, part in operand.items() if key in value)
        case "additionalProperties":
            return all(
                fits(value[key], operand) for key in value.keys() - rule.get("properties", {})
            )
        case _:
            return True


def _fits_array(value: list[Any], rule: dict[str, Any], word: str, operand: Any) -> bool:
    match word:
        case "minItems":
            return len(value) >= operand
        case "maxItems":
            return len(value) <= operand
        case "prefixItems":
            return all(fits(*pair) for pair in zip(value, operand, strict=False))
        case "items":
            return all(fits(one, operand) for one in value[len(rule.get("prefixItems", [])) :])
        case _:
            return True


class Loader(yaml.SafeLoader):
    """Reads times as text, as YAML 1.2 and JSON do."""


Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def loaded(text: str) -> Any:
    return yaml.load(text, Loader=Loader)


def test_the_shipped_schema_is_made_from_the_structs() -> None:
    again = "python -m mesotape.cassettes.format.schema > cassettes/cassette.schema.json"
    assert build_json_schema() == SHIPPED, f"make it again: {again}"


def test_descriptions_are_not_indented() -> None:
    """msgspec strips the indentation of docstrings from 0.23 on; the schema never has it."""
    texts = [part["description"] for part in SHIPPED["$defs"].values()]
    assert all(text == inspect.cleandoc(text) for text in texts)


def test_the_golden_cassette_fits() -> None:
    documents = list(yaml.load_all((DATA / "golden.yaml").read_text(), Loader=Loader))
    assert len(documents) > 10
    for document in documents:
        assert fits(document, SHIPPED), document


EXCHANGE = (
    "{exchange: 1, at: 0, client: 1, request: {method: GET, path: /%s}, response: {after: 0%s}}"
)


@pytest.mark.parametrize(
    "text",
    [
        "{mesotape: 1, recorded_at: 2026-11-22T12:18:29Z}",
        EXCHANGE % (", headers: {Content-Length: 20, X: [a, 1]}", ", json: {a: [1]}"),
        "{event: 1, of: 1, at: 0, from: client, chunks: [[1, 0.5]], proto: {type: HEARTBEAT}}",
        "{event: 1, of: 1, at: 0, proto: '{}', wire: aGk=, wire_of: '123456789012'}",
    ],
)
def test_documents_that_fit(text: str) -> None:
    assert fits(loaded(text), SHIPPED)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "{mesotape: 2, recorded_at: 2026-11-22T12:18:29Z}",
        "{mesotape: 1, recorded_at: 2026-11-22T12:18:29Z, colour: red}",
        EXCHANGE % (", headers: []", ""),
        EXCHANGE % (", headers: {A: {b: c}}", ""),
        EXCHANGE % (", text: a, json: b", ""),
        EXCHANGE % ("", ", cause: rain"),
        "{event: 0, of: 1, at: 0}",
        "{event: 1, of: 1, at: -1}",
        "{event: 1, of: 1, at: 0, chunks: [[1]]}",
        "{event: 1, of: 1, at: 0, from: server}",
        "{event: 1, of: 1, at: 0, proto: '{}', wire: aGk=}",
        "{event: 1, of: 1, at: 0, wire: aGk=, wire_of: '123456789012'}",
        "{end: 1, at: 0}",
        "{note: x}",
    ],
)
def test_documents_that_do_not_fit(text: str) -> None:
    assert not fits(loaded(text), SHIPPED)


def test_every_key_of_the_format_is_in_the_docs() -> None:
    text = (ROOT / "docs" / "cassette.md").read_text()
    keys = {key for part in SHIPPED["$defs"].values() for key in part["properties"]}
    assert {key for key in keys if not re.search(rf"\b{key}\b", text)} == set()
