from typing import Any

import pytest

from mesotape.cassettes.answers.answer import render_head
from mesotape.cassettes.format.documents import Request, Response
from mesotape.cassettes.format.heads import (
    is_sendable,
    request_faults,
    response_faults,
    status_fault,
)

SENT = [
    {},
    {"status": None},
    {"status": 599},
    {"reason": "Fine, thank you\t\xe9"},
    {"headers": {"X-A": "b c\t\xff", "X-B": ["1", "2"], "!#$%&'*+-.^_`|~": ""}},
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"status": 100}, "response.status: expected 200 to 599, found 100"),
    ({"status": 600}, "response.status: expected 200 to 599, found 600"),
    ({"status": -1}, "response.status: expected 200 to 599, found -1"),
    ({"reason": "OK\r\nX: y"}, "response.reason: '\\r' cannot be sent"),
    ({"reason": "O\x1bK"}, "response.reason: '\\x1b' cannot be sent"),
    ({"headers": {"X": "a\nb"}}, "response.headers.X: '\\n' cannot be sent"),
    ({"headers": {"X": "a\0"}}, "response.headers.X: '\\x00' cannot be sent"),
    ({"headers": {"X": "\u0100"}}, "response.headers.X: 'Ā' cannot be sent"),
    ({"headers": {"X": ["a", "b\r"]}}, "response.headers.X: '\\r' cannot be sent"),
    ({"headers": {"X\r\nY": "a"}}, "response.headers.X\\r\\nY: '\\r' cannot be sent"),
    ({"headers": {"X Y": "a"}}, "response.headers.X Y: ' ' cannot be sent"),
    ({"headers": {"": "a"}}, "response.headers.: an empty name cannot be sent"),
]


@pytest.mark.parametrize("parts", SENT, ids=str)
def test_a_head_that_can_be_sent_has_no_fault(parts: dict[str, Any]) -> None:
    response = Response(after=0.0, **({"status": 200} | parts))
    assert is_sendable(response)
    assert [*response_faults(response)] == []
    assert status_fault(response) is None


@pytest.mark.parametrize(("parts", "text"), REFUSED, ids=str)
def test_a_head_that_cannot_be_sent_has_a_fault(parts: dict[str, Any], text: str) -> None:
    response = Response(after=0.0, **({"status": 200} | parts))
    assert not is_sendable(response)
    fault = status_fault(response)
    assert [each.text for each in response_faults(response)] == ([text] if fault is None else [])
    assert fault is None or fault.text == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"path": "/a b"}, "request.path: ' ' cannot be sent"),
        ({"method": ""}, "request.method: no text cannot be sent"),
        ({"version": "HTTP/1.1\r\nX: y"}, "request.version: '\\r' cannot be sent"),
        ({"headers": {"Accept": "a\nb"}}, "request.headers.Accept: '\\n' cannot be sent"),
    ],
)
def test_the_head_of_a_request_is_examined_too(parts: dict[str, Any], text: str) -> None:
    request = Request(**({"method": "GET", "path": "/"} | parts))
    assert [each.text for each in request_faults(request)] == [text]


@pytest.mark.parametrize("hostile", ["\r\nX: y", "\n", "\r", "\r\n\r\nHTTP/1.1 200 OK", "\0"])
@pytest.mark.parametrize("place", ["reason", "name", "value"])
def test_no_line_end_of_a_head_reaches_the_wire(hostile: str, place: str) -> None:
    reason = f"a{hostile}b" if place == "reason" else "OK"
    name = f"a{hostile}b" if place == "name" else "X"
    value = f"a{hostile}b" if place == "value" else "1"
    with pytest.raises(ValueError, match="a head cannot be sent: found a line end or NUL in "):
        render_head(200, reason, [("A", "b"), (name, value), ("C", "d")])
