"""Build the JSON Schema of one document of a cassette from the structs.

    python -m mesotape.cassettes.format.schema > cassettes/cassette.schema.json

Editors use it to check a cassette while it is written. It applies to the values that YAML reads, so
it is looser than the structs in one place: a header `Content-Length: 20` is a number in YAML, and
text for mesotape. It also has a rule that the structs cannot express: a body has one form.
"""

from inspect import cleandoc
from typing import Any

import msgspec

from .documents import FORMAT_VERSION, End, Event, Exchange, Header, Note

type Schema = dict[str, Any]

_FORMS = ("json", "text", "proto", "base64")


def build_json_schema() -> Schema:
    """Build the schema, in draft 2020-12."""
    types = (Header, Exchange, Event, End, Note)
    references, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    _clean_descriptions(parts)
    for name in ("Request", "Response", "Event"):
        _refine_body(parts[name])
    for name in ("Request", "Response"):
        parts[name]["properties"]["headers"] = _headers_schema()
    parts["Header"]["properties"]["mesotape"] = {"const": FORMAT_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A document of a mesotape cassette, format {FORMAT_VERSION}",
        "oneOf": list(references),
        "$defs": parts,
    }


def _clean_descriptions(parts: Schema) -> None:
    """Remove the indentation of docstrings, in place: msgspec does so from 0.23 on."""
    for part in parts.values():
        if "description" in part:
            part["description"] = cleandoc(part["description"])


def _refine_body(part: Schema) -> None:
    """Allow at most one form of a body, and plain YAML under two of them, in place."""
    for form in ("json", "proto"):
        part["properties"][form] = {"type": ["string", "object", "array"]}
    part["not"] = {
        "anyOf": [
            {"required": [one, other]}
            for index, one in enumerate(_FORMS)
            for other in _FORMS[index + 1 :]
        ]
    }
    part["dependentRequired"] = {
        "spacing": ["json"],
        "wire": ["proto", "wire_of"],
        "wire_of": ["wire"],
    }


def _headers_schema() -> Schema:
    scalar = {"type": ["string", "number", "boolean"]}
    return {
        "type": "object",
        "additionalProperties": {"anyOf": [scalar, {"type": "array", "items": scalar}]},
    }


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(build_json_schema()), indent=2).decode())
