"""Every way in which a cassette can contradict itself: all commands say the same of it."""

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.validation.findings import FINDING_KINDS
from mesotape.proxy.cassette_tools.validate import ValidateOptions, validate
from mesotape.proxy.commands.console import CommandError
from mesotape.proxy.commands.messages import messages
from mesotape.proxy.commands.replay import ReplayOptions, replay
from mesotape.proxy.control.player import Player
from mesotape.proxy.inspect.command import InspectOptions, inspect

SAMPLE = """\
---
mesotape: 1
server: master
recorded_at: 2026-11-22T12:18:29Z
...
---
exchange: 1
at: 1.000000
client: 1
request:
  method: POST
  path: /api/v1
  headers:
    content-type: application/json
  json: |-
    {
      "type": "SUBSCRIBE"
    }
response:
  after: 0.100000
  status: 200
  headers:
    content-type: application/json
  stream: recordio
...
---
event: 1
of: 1
at: 1.200000
json: |-
  {
    "type": "SUBSCRIBED",
    "subscribed": {
      "heartbeat_interval_seconds": 15.0
    }
  }
...
---
event: 2
of: 1
at: 1.300000
chunks: [[10, 1.250000], [40, 1.300000]]
json: |-
  {
    "type": "HEARTBEAT"
  }
...
---
event: 3
of: 1
at: 1.400000
json: |-
  {
    "type": "HEARTBEAT"
  }
...
---
end: 1
at: 1.500000
cause: server
...
---
exchange: 2
at: 2.000000
client: 2
request:
  method: POST
  path: /api/v1
  headers:
    Content-Type: application/json
  json: |-
    {
      "type": "GET_HEALTH"
    }
response:
  after: 0.200000
  status: 200
  reason: Fine
  headers:
    Content-Type: application/json
  json: |-
    {
      "type": "GET_HEALTH",
      "get_health": {
        "healthy": true
      }
    }
...
---
exchange: 3
at: 3.000000
client: 3
request:
  method: POST
  path: /api/v1
  headers:
    Content-Type: application/x-protobuf
  proto: |-
    {
      "type": "SUBSCRIBE"
    }
response:
  after: 0.300000
  status: 200
  headers:
    Content-Type: application/x-protobuf
  stream: recordio
...
---
event: 1
of: 3
at: 3.350000
proto: |-
  {
    "type": "SUBSCRIBED",
    "subscribed": {
      "heartbeat_interval_seconds": 30.0
    }
  }
...
---
event: 2
of: 3
at: 3.400000
proto: |-
  {
    "type": "AGENT_REMOVED",
    "agent_removed": {
      "agent_id": {
        "value": "S0"
      }
    }
  }
...
---
note: a note
at: 3.600000
of: 3
...
"""

HEARTBEAT = '  {\n    "type": "HEARTBEAT"\n  }\n...\n'
END = "---\nend: 1\nat: 1.500000\ncause: server\n...\n"
LATE = f"---\nevent: 4\nof: 1\nat: 1.600000\njson: |-\n{HEARTBEAT}"

pytest_plugins = ["pytester", "support.pytest_runs"]

# The name of the mutation, what is replaced by what, the code, and the number of the line, counted
# from the first line that differs from the sample.
MUTATIONS: list[tuple[str, str, str, str, int]] = [
    # Numbers.
    ("an exchange twice", "exchange: 3\n", "exchange: 2\n", "number-twice", 0),
    ("an exchange before an earlier one", "at: 2.000000", "at: 0.500000", "exchange-order", -1),
    ("an event twice", "event: 2\n", "event: 1\n", "event-order", 0),
    ("an event with a lower number", "event: 3\n", "event: 1\n", "event-order", 0),
    ("an event is missing", "event: 3\n", "event: 4\n", "event-gap", 0),
    ("the first event is missing", "event: 1\nof: 3\n", "event: 2\nof: 3\n", "event-gap", 0),
    ("events of no exchange", "of: 3\nat: 3.4", "of: 7\nat: 3.4", "unknown-exchange", -1),
    ("an end of no exchange", "end: 1\n", "end: 7\n", "unknown-exchange", 0),
    ("a record of a client", "at: 3.4", "from: client\nat: 3.4", "not-a-stream", -2),
    (
        "a record of a request that was not finished",
        "---\nnote",
        "---\nevent: 1\nof: 7\nat: 3.5\nfrom: client\njson: {type: ATTACH_CONTAINER_INPUT}\n...\n"
        "---\nnote",
        "unfinished-request",
        0,
    ),
    ("records of no stream", "of: 3\nat: 3.4", "of: 2\nat: 3.4", "not-a-stream", -1),
    ("a note of no exchange", "at: 3.600000\nof: 3", "at: 3.600000\nof: 9", "unknown-note", -2),
    # Order and times.
    ("two ends", END, END + END.replace("1.5", "1.7"), "end-twice", 0),
    ("two equal ends", END, END + END, "end-twice", 0),
    ("an event after the end", END, END + LATE, "after-end", 0),
    ("an event before the one before", "at: 1.300000\n", "at: 1.100000\n", "time-backwards", -2),
    ("an end before the last event", "at: 1.500000\n", "at: 1.350000\n", "time-backwards", -1),
    ("an event before its exchange", "at: 3.350000", "at: 2.900000", "before-exchange", -2),
    ("chunks that run backwards", "[10, 1.25", "[10, 1.35", "time-backwards", -3),
    # Heads.
    ("a status that is none", "status: 200\n  reason", "status: 42\n  reason", "status", 0),
    ("a status without a body", "status: 200\n  reason", "status: 204\n  reason", "status", 0),
    ("no status", "  status: 200\n  reason", "  reason", "status", -1),
    ("a reason of two lines", "reason: Fine", 'reason: "a\\nb"', "head", 0),
    ("a method with a blank", "  method: POST\n", '  method: "GET /"\n', "head", 0),
    ("a path with a blank", "  path: /api/v1\n", "  path: /api/v1 x\n", "head", 0),
    ("a header of two lines", "application/json\n", '"a\\r\\nb: c"\n', "head", 0),
    (
        "a header that is not Latin-1",
        "    content-type: app",
        "    X: €\n    content-type: app",
        "head",
        0,
    ),
    ("a header name with a blank", "    Content-Type: ", "    Content Type: ", "head", 0),
    (
        "a stream with a body",
        "stream: recordio\n",
        "stream: recordio\n  text: x\n",
        "two-bodies",
        -5,
    ),
    ("protobuf in a stream of JSON", "at: 1.200000\njson", "at: 1.200000\nproto", "encoding", 0),
    ("JSON in a stream of protobuf", "at: 3.400000\nproto", "at: 3.400000\njson", "encoding", 0),
    (
        "protobuf under JSON",
        'application/json\n  json: |-\n    {\n      "type": "GET_HEALTH",',
        'application/json\n  proto: |-\n    {\n      "type": "GET_HEALTH",',
        "encoding",
        0,
    ),
    # Bodies.
    ("a missing comma", '"GET_HEALTH",', '"GET_HEALTH"', "body", 0),
    ("a missing comma in an event", '"SUBSCRIBED",', '"SUBSCRIBED"', "body", 0),
    (
        "a missing brace",
        '      "type": "GET_HEALTH"\n    }\n',
        '      "type": "GET_HEALTH"\n',
        "body",
        -1,
    ),
    ("a missing quote", '"healthy": true', '"healthy: true', "body", 0),
    ("a misspelt word", '"healthy": true', '"healthy": tru', "body", 0),
    ("a missing comma in protobuf", '"AGENT_REMOVED",', '"AGENT_REMOVED"', "body", 0),
    ("a misspelt field", '"get_health": {', '"get_helth": {', "unknown-field", 0),
    ("a misspelt field that is required", '"healthy": true', '"helthy": true', "unknown-field", 0),
    (
        "a misspelt field of an event",
        '"heartbeat_interval',
        '"heartbeet_interval',
        "unknown-field",
        0,
    ),
    ("a misspelt field of protobuf", '"agent_removed": {', '"agent_remuved": {', "lost-field", 0),
    ("a required field of protobuf is missing", '"value": "S0"', '"valeu": "S0"', "body", -1),
    ("a value of the wrong type", '"healthy": true', '"healthy": "x"', "not-message", 0),
    ("a number for an object", '{\n        "healthy": true\n      }', "3", "not-message", 0),
    ("a value of the wrong type in protobuf", '"value": "S0"', '"value": 5', "body", 0),
    ("an unknown type", '"type": "GET_HEALTH",', '"type": "GET_HELTH",', "unknown-enum", 0),
    (
        "a plain answer to SUBSCRIBE",
        '"type": "GET_HEALTH"\n',
        '"type": "SUBSCRIBE"\n',
        "plain-json",
        3,
    ),
    # Documents.
    ("a key that is misspelt", "cause: server\n", "cuase: server\n", "document", 0),
    ("a value that is none", "cause: server\n", "cause: nobody\n", "document", 0),
    ("text for a number", "client: 2\n", "client: two\n", "document", 0),
    ("a key twice", "client: 2\n", "client: 2\nclient: 2\n", "document", 0),
    ("broken YAML", "note: a note\n", 'note: "a note\n', "document", 3),
    ("an alias", "note: a note\n", "note: *x\n", "document", 0),
    (
        "two bodies",
        '  json: |-\n    {\n      "type": "GET_HEALTH",',
        '  text: x\n  json: |-\n    {\n      "type": "GET_HEALTH",',
        "document",
        0,
    ),
    (
        "a second header",
        "---\nexchange: 2\n",
        SAMPLE[:90].partition("...\n")[0] + "...\n---\nexchange: 2\n",
        "second-header",
        0,
    ),
    ("no end mark", "cause: server\n...\n", "cause: server\n", "cut-off", -4),
    (
        "marks of a conflict",
        "---\nexchange: 2\n",
        "<<<<<<< HEAD\n---\nexchange: 2\n",
        "conflict-mark",
        0,
    ),
    ("no kind of server", "server: master\n", "", "no-server", -1),
]


type Mutation = tuple[str, str, str, str, int]

EACH_MUTATION = pytest.mark.parametrize("mutation", MUTATIONS, ids=[each[0] for each in MUTATIONS])
EACH_LINE_END = pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])


def mutated(mutation: Mutation, line_end: str) -> tuple[bytes, int]:
    """Return the mutated sample, and the line at which the fault is expected."""
    name, old, new, _, offset = mutation
    assert old in SAMPLE, name
    text = SAMPLE.replace(old, new, 1)
    pairs = zip(SAMPLE.split("\n"), text.split("\n"), strict=False)
    line = next(number for number, (one, other) in enumerate(pairs, 1) if one != other)
    return text.replace("\n", line_end).encode(), line + offset


def validated(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], list[str]]:
    code = validate(ValidateOptions(files=(path,), as_json=True))
    result = json.loads(capsys.readouterr().out)
    found = [f"{each['code']} {each['line']}" for each in result["findings"]]
    return code, result["problems"], found


def inspected(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = inspect(InspectOptions(sources=(str(path),), max_record=1 << 20, as_json=True))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    places = [row["text"] for row in rows if row.get("text", "").startswith(f"{path}:")]
    return code, places


def replayed(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[bool, list[str]]:
    """Return whether the replay began, and what it said of the file."""
    try:
        replay(ReplayOptions(cassettes=(path,), command=("true",)))
    except CommandError as error:
        return False, [str(error)]
    messages.flush()
    said = capsys.readouterr().err.splitlines()
    prefix = "mesotape: warning: "
    return True, [line.removeprefix(prefix) for line in said if line.startswith(prefix)]


def played(path: Path) -> tuple[bool, list[str]]:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Player(path).close()
    except CassetteError as error:
        return False, [str(error)]
    return True, [str(each.message) for each in caught if each.category is UserWarning]


def test_the_sample_is_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line_end in ("\n", "\r\n"):
        path = tmp_path / "sample.yaml"
        path.write_bytes(SAMPLE.replace("\n", line_end).encode())
        assert validated(path, capsys) == (0, [], [])
        assert inspected(path, capsys) == (0, [])
        assert replayed(path, capsys) == (True, [])
        assert played(path) == (True, [])


@EACH_LINE_END
@EACH_MUTATION
def test_all_commands_say_the_same(
    mutation: Mutation, line_end: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mutated.yaml"
    data, line = mutated(mutation, line_end)
    path.write_bytes(data)
    code, problems, found = validated(path, capsys)
    assert f"{mutation[3]} {line}" in found
    assert code == (
        4 if all(FINDING_KINDS[each.split()[0]].level == "warning" for each in found) else 5
    )
    errors = [
        problem
        for problem, each in zip(problems, found, strict=True)
        if FINDING_KINDS[each.split()[0]].level == "error"
    ]
    assert inspected(path, capsys) == (code, problems)
    for begun, said in (replayed(path, capsys), played(path)):
        assert begun == (not errors)
        if errors:
            assert said[0].startswith(errors[0])
            assert re.search(rf"; run mesotape validate( --fix)? {re.escape(str(path))}$", said[0])
        else:
            assert said == problems


def test_the_plugin_says_the_same(
    tested: Callable[..., pytest.RunResult], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: list[str] = []
    expected: list[str] = []
    for number, mutation in enumerate(MUTATIONS):
        for line_end in ("\n", "\r\n"):
            path = folder / f"{number}{'crlf' if len(line_end) > 1 else ''}.yaml"
            path.write_bytes(mutated(mutation, line_end)[0])
            names.append(path.name)
            _, said = played(path)
            expected.append(f"cannot play: {said[0]}")
    capsys.readouterr()
    marked = [f"pytest.param({name!r}, marks=pytest.mark.mesotape({name!r}))" for name in names]
    parameters = f"@pytest.mark.parametrize('name', [{', '.join(marked)}])"
    result = tested(f"{parameters}\ndef test_it(name): pass\n")
    result.assert_outcomes(errors=len(names))
    output = result.stdout.str()
    assert [text for text in expected if text not in output] == []
