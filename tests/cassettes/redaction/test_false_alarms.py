"""What is replaced in captures without secrets: less than 1 % of all values, and which ones."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.capture_to_cassette import taped
from support.captures import load, names

from mesotape.cassettes.format.documents import Document, Event, Exchange
from mesotape.cassettes.known_secrets.secrets import Secrets
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.storage.reader import Cassette

LARGE = ("session-big", "big-state-protobuf", "busy-a")
"""They are not part of the project. Hardly anything is replaced in them."""

CAPTURES = [name for name in names() if not name.startswith("secrets-") and name not in LARGE]

# Places in which every value is one that may be a secret; here it is none.
BY_PLACE = {
    "task-data": 13,  # random bytes of frameworks
    "command-line": 50,  # `waiting`, `/dev/zero`
    "environment": 7,  # `alpha`, `</script>`, `line\nbreak`
    "flag": 4,  # `image_providers=…`, and others that are not known to be harmless
}


def documents(path: Path) -> Iterator[Document]:
    with Cassette.open(path) as cassette:
        for exchange in cassette.exchanges():
            yield exchange
            yield from cassette.events(exchange.exchange)
            yield from cassette.events(exchange.exchange, "client")


def count_values(document: Document) -> int:
    match document:
        case Exchange(request=request, response=response):
            bodies = [request, response]
        case Event():
            bodies = [document]
        case _:
            return 0
    count = 0
    for body in bodies:
        count += len(getattr(body, "headers", {}))
        text = body.json or body.proto
        count += 1 if text is None else count_strings(json.loads(text))
    return count


def count_strings(value: object) -> int:
    match value:
        case dict():
            return sum(map(count_strings, value.values()))
        case list():
            return sum(map(count_strings, value))
        case _:
            return isinstance(value, str)


def test_at_most_one_value_of_a_hundred_is_replaced(tmp_path: Path) -> None:
    values = 0
    replaced = Counter[str]()
    for name in CAPTURES:
        server = "agent" if name.startswith(("agent-", "executor-")) else "master"
        path = taped(load(name), tmp_path / "cassette.yaml", server)
        redactor = Redactor()
        recorded = list(documents(path))
        values += sum(map(count_values, recorded))
        for _ in range(2):
            redactor.counts.clear()  # then all that is ever known as a secret is known
            for document in recorded:
                redactor.redact(document)
        replaced += redactor.counts
    assert values > 30_000
    assert sum(replaced.values()) < values / 100
    assert dict(replaced) == BY_PLACE


@pytest.mark.parametrize(
    ("value", "is_sought"),
    [
        ("x" * 40, False),
        ("</script>", False),
        ("line\nbreak", False),
        ("production", False),
        ("us-east-1.example.com", False),
        ("/var/lib/mesos/agent-1", False),
        ("10.20.30.40", False),
        ("kX9.fj2-", True),
        ("P@ssw.rd", True),
        ("hunter2-hunter2", False),
        ("correct horse battery staple", True),
        ("aB3dE6gH9jK2mN5pQ8sT", True),
    ],
)
def test_a_value_of_an_environment_is_looked_for_elsewhere_if_it_could_be_random(
    value: str, is_sought: bool
) -> None:
    secrets = Secrets()
    secrets.placeholder(value, is_certain=False)
    assert secrets.are_in(f"a {value} b".encode()) is is_sought
    secrets.placeholder(value)
    assert secrets.are_in(f"a {value} b".encode()) is (len(set(value)) > 2)
