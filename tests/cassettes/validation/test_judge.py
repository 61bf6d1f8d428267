from pathlib import Path

import pytest
from support.paths import DATA
from support.verdicts import validate_cassette

GOLDEN = DATA / "golden.yaml"
START = """\
---
mesotape: 1
server: master
recorded_at: 2026-11-22T12:18:29Z
...
---
exchange: 1
at: 1
client: 1
request:
  {method: POST, path: /api/v1, headers: {Content-Type: application/json}, json: {type: SUBSCRIBE}}
response: {after: 0, status: 200, stream: recordio}
...
---
event: 1
of: 1
at: 2
...
"""
FIRST = START.count("\n") + 2


def document(*lines: str) -> str:
    return "\n".join(("---", *lines, "...", ""))


def exchange(number: int, at: float, request: str = "", response: str = "") -> str:
    head = (f"exchange: {number}", f"at: {at}", "client: 1")
    request = f"request: {{method: POST, path: /api/v1{request}}}"
    return document(*head, request, f"response: {{after: 0{response}}}")


def test_the_golden_cassette_is_valid() -> None:
    assert validate_cassette(GOLDEN) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            document("event: 2", "of: 1", "at: 1.5"),
            "event 2 of exchange 1: at 1.5 is before event 1 (at 2)",
        ),
        (
            document("event: 1", "of: 1", "at: 3"),
            "event 1 of exchange 1: comes after event 1",
        ),
        (
            document("event: 1", "of: 7", "at: 3"),
            "stream of exchange 7: there is no exchange 7",
        ),
        (
            document("event: 1", "of: 1", "at: 3", "from: client"),
            "stream of exchange 1 from the client: the request (line 7) is not a stream",
        ),
        (
            document("end: 1", "at: 1.999999", "cause: server"),
            "end of exchange 1: at 1.999999 is before event 1 (at 2)",
        ),
        (exchange(1, 5), "exchange 1: the number is taken already, on line 7"),
        (exchange(2, 0.5), "exchange 2: at 0.5 is before exchange 1 (at 1)"),
        (document("note: x", "at: 3", "of: 9"), "note: there is no exchange 9"),
        (
            document("event: 2", "of: 1", "at: 3", "json: '{'"),
            "event 2 of exchange 1: json: not JSON: Input data was truncated",
        ),
        (
            document("event: 2", "of: 1", "at: 3", "proto: []"),
            "event 2 of exchange 1: proto: not a mesos.v1.master.Event: ",
        ),
        (
            document("event: 2", "of: 1", "at: 3", "proto: {}", "wire: aGk="),
            "event 2 of exchange 1: wire: expected a key wire_of, the digest of",
        ),
        (
            exchange(2, 3, response=", status: 200, json: '{'"),
            "exchange 2: response: json: not JSON: Input data was truncated",
        ),
        (
            exchange(2, 3, request=", proto: {nothing: 1}, wire: aGk="),
            "exchange 2: request: wire: expected a key wire_of, the digest of",
        ),
        (document("event: 2", "of: one", "at: 3"), "event 2 of exchange one: of: expected a whole"),
        (START, "found a second header: two cassettes in one file"),
    ],
)
def test_problems(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "master.yaml"
    path.write_text(START + text)
    problems = validate_cassette(path)
    line, _, rest = problems[0].removeprefix(f"{path}:").partition(": ")
    assert rest.startswith(problem)
    assert FIRST <= int(line) < FIRST + 5


@pytest.mark.parametrize(
    "name", ["Content-Type", "CONTENT-TYPE", "content-type: text/plain, Content-Type"]
)
def test_the_case_of_header_names_does_not_matter_and_the_last_counts(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "master.yaml"
    request = f", headers: {{{name}: application/json}}, json: {{type: GET_HEALTH}}"
    response = ", status: 200, proto: {type: GET_HEALTH, get_health: {healthy: true}}"
    path.write_text(START + exchange(2, 3, request, response))
    assert validate_cassette(path) == []


def test_an_event_before_its_exchange_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "master.yaml"
    path.write_text(START.replace("at: 2\n", "at: 0.5\n"))
    assert validate_cassette(path) == [
        f"{path}:15: stream of exchange 1: at 0.5 is before its exchange (at 1)"
    ]


def test_an_event_after_the_end_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "master.yaml"
    end = document("end: 1", "at: 3", "cause: server")
    path.write_text(START + end + document("event: 2", "of: 1", "at: 4") + end)
    assert validate_cassette(path) == [
        f"{path}:{FIRST + 5}: event 2 of exchange 1: comes after the end of its stream, on line 20"
        "; delete lines 24 to 28",
        f"{path}:{FIRST + 10}: end of exchange 1: its stream has ended already, on line 20"
        "; delete lines 29 to 33",
    ]


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "master.yaml"
    path.write_text(
        START
        + document("a: b")
        + document("at: [")
        + document("event: 1", "of: 8", "at: 3")
        + "---\n"
    )
    lines = [
        int(text.removeprefix(f"{path}:").partition(":")[0]) for text in validate_cassette(path)
    ]
    assert len(lines) == 4


def test_a_file_that_is_not_a_cassette_is_one_problem(tmp_path: Path) -> None:
    assert validate_cassette(tmp_path / "no.yaml") == [f"{tmp_path}/no.yaml: there is no such file"]
