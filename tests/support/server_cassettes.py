"""Cassettes of several servers, as documents."""

from mesotape.cassettes.answers.answer import ReplayResponse
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.playback.playback import Playback
from mesotape.proto.http.request import HttpRequest

HEALTH = '{"type":"GET_HEALTH"}'


def header(server: str = "master", upstream: str = "http://master.example:5050") -> str:
    return (
        f"---\nmesotape: 1\nserver: {server}\nrecorded_at: 2026-11-22T12:18:29Z\n"
        f"upstream: {upstream}\n...\n"
    )


def exchange(number: int, path: str, answer: str, host: str = "a:1", body: str = "") -> str:
    method, kind = ("POST", "\n    Content-Type: application/json") if body else ("GET", "")
    said = f"\n  text: '{body}'" if body else ""
    return (
        f"---\nexchange: {number}\nat: {number}.0\nclient: 1\nrequest:\n  method: {method}\n"
        f"  path: {path}\n  headers:\n    Host: {host}{kind}{said}\nresponse:\n  after: 0.1\n"
        f"  status: 200\n  text: {answer}\n...\n"
    )


def answer_text(
    playback: Playback,
    target: str,
    host: str | None = "replay:1",
    body: str = "",
    at: frozenset[int] | None = None,
) -> str:
    """Return the text of an answer, or the reason of a miss."""
    headers = [] if host is None else [(b"Host", host.encode())]
    headers += [(b"Content-Type", b"application/json")] if body else []
    method = b"POST" if body else b"GET"
    request = HttpRequest(method, target.encode(), tuple(headers), body.encode())
    answer = playback.answer(request, 0.0, cassette_scope=at)
    match answer:
        case Miss():
            return answer.reason
        case ReplayResponse(exchange=0):
            return f"refused {answer.status}"
        case ReplayResponse():
            return answer.body.decode()
        case _:
            raise AssertionError(answer)
