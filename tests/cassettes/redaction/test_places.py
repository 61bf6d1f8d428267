"""A redactor names the place at which a rule fires."""

import json

import pytest

from mesotape.cassettes.format.documents import (
    Document,
    Event,
    Exchange,
    Header,
    Note,
    Request,
    Response,
)
from mesotape.cassettes.redaction.redactor import Redactor

SECRET = "hunter2-hunter2"


def exchange(request: Request | None = None, response: Response | None = None) -> Exchange:
    return Exchange(
        exchange=1,
        at=0,
        client=1,
        request=request or Request(method="GET", path="/"),
        response=response or Response(after=0, status=200),
    )


def event(value: object) -> Event:
    return Event(event=1, of=1, at=0, json=json.dumps(value))


VARIABLES = {"variables": [{"name": "A", "value": "1"}, {"name": "PASSWORD", "value": SECRET}]}
NESTED = json.dumps({"DB_PASSWORD": SECRET})

PLACES: list[tuple[Document, str, str]] = [
    (
        exchange(Request(method="GET", path="/", headers={"Cookie": f"a={SECRET}"})),
        "request.headers.Cookie",
        "cookie",
    ),
    (exchange(Request(method="GET", path=f"/?token={SECRET}")), "request.path", "url-query"),
    (
        exchange(None, Response(after=0, headers={"Set-Cookie": ["b=c", f"a={SECRET}; Secure"]})),
        "response.headers.Set-Cookie",
        "set-cookie",
    ),
    (
        exchange(None, Response(after=0, text=f"password={SECRET}")),
        "response.text",
        "assignment",
    ),
    (
        exchange(None, Response(after=0, base64=b"\xff password=" + SECRET.encode())),
        "response.base64",
        "assignment",
    ),
    (
        event([{"x": [[], {"environment": VARIABLES}]}]),
        "json[0].x[1].environment.variables[1].value",
        "environment",
    ),
    (event({"list": [1, "a", f"token={SECRET}"]}), "json.list[1]", "assignment"),
    (
        Event(event=1, of=1, at=0, proto=json.dumps({"api_key": SECRET})),
        "proto.api_key",
        "secret-name",
    ),
    (Note(note=f"GET /?token={SECRET}", at=0), "note", "url-query"),
    (
        Header(mesotape=1, recorded_at="now", upstream=f"http://ops:{SECRET}@master:5050"),  # type: ignore[arg-type]
        "upstream",
        "url-password",
    ),
]


@pytest.mark.parametrize(("document", "place", "rule"), PLACES, ids=[each[1] for each in PLACES])
def test_a_rule_fires_at_a_place(document: Document, place: str, rule: str) -> None:
    redactor = Redactor()
    found: list[tuple[str, str]] = []
    redactor.on_found(lambda rule: found.append((redactor.place, rule)))
    assert redactor.redact(document) != document
    assert (place, rule) in found


@pytest.mark.parametrize(("begin", "end", "step"), [('{"a":', "}", ".a"), ("[", "]", "[0]")])
def test_a_place_may_be_nested_deeply(begin: str, end: str, step: str) -> None:
    depth = 3000
    redactor = Redactor()
    places: list[str] = []
    redactor.on_found(lambda _: places.append(redactor.place))
    json_text = begin * depth + f'{{"password":"{SECRET}"}}' + end * depth
    assert SECRET not in (redactor.redact(Event(event=1, of=1, at=0, json=json_text)).json or "")
    assert places == [f"json{step * depth}.password"]


@pytest.mark.parametrize(
    ("upstream", "redacted"),
    [
        ("http://master:5050", "http://master:5050"),
        ("reverse:http://master:5050@127.0.0.1:8080", "reverse:http://master:5050@127.0.0.1:8080"),
        ("upstream:http://ops:hunter2@proxy", "upstream:http://ops:REDACTED-1@proxy"),
        ("upstream:http://ops:hunter2@proxy:80", "upstream:http://ops:REDACTED-1@proxy:80"),
        ("http://ops:hunter2@[::1]:5050", "http://ops:REDACTED-1@[::1]:5050"),
        ("reverse:http://master:5050@8080", "reverse:http://master:5050@8080"),
        (
            "upstream:http://ops:hunter2@p:80@[::1]:80",
            "upstream:http://ops:REDACTED-1@p:80@[::1]:80",
        ),
    ],
)
def test_an_upstream_keeps_its_ports(upstream: str, redacted: str) -> None:
    assert Redactor().redact_upstream(upstream) == redacted
