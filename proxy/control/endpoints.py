"""The paths of the HTTP API of a replay: the JSON of each request and of its response."""

from http import HTTPMethod
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Meta, Struct

from ...proto.http.request import HttpRequest
from .condition import DEFAULT_TIMEOUT_SECONDS
from .controls import ReplayControls
from .receipt import name_exchange

_MAX_TIMEOUT_SECONDS = 3600.0
_GET_PATHS = ("/status", "/journal", "/misses", "/unused", "/streams")
_POST_PATHS = ("/advance", "/hold", "/release", "/reset")


class _AdvanceBody(Struct, forbid_unknown_fields=True):
    events: Annotated[int, Meta(ge=0)] | None = None
    seconds: Annotated[float, Meta(ge=0)] | None = None
    until: str | None = None
    timeout_seconds: Annotated[float, Meta(ge=0, le=_MAX_TIMEOUT_SECONDS)] = DEFAULT_TIMEOUT_SECONDS


class _HoldBody(Struct, forbid_unknown_fields=True):
    stream: int | None = None


class _EmptyBody(Struct, forbid_unknown_fields=True):
    pass


class ControlError(Exception):
    """An error response: its status, its text, and additional headers."""

    def __init__(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class ControlEndpoints:
    """The endpoints of the controls of a replay."""

    def __init__(self, controls: ReplayControls) -> None:
        self._controls = controls

    async def answer(self, request: HttpRequest) -> object:
        """Return the content of the response, which is JSON.

        Raises ControlError for an unknown path or method. All other errors are those of the
        controls, ValueError for a malformed body or query included.
        """
        method, target = request.method.decode(), urlsplit(request.target.decode("latin-1"))
        match method, target.path:
            case HTTPMethod.GET, path if path in _GET_PATHS:
                await self._controls.synchronize()
                return self._query(path, target.query)
            case HTTPMethod.POST, path if path in _POST_PATHS:
                await self._controls.synchronize()
                return await self._act(path, request.body or b"{}")
            case _, path if path in _GET_PATHS:
                raise ControlError(405, f"{path} takes GET", ("Allow", "GET"))
            case _, path if path in _POST_PATHS:
                raise ControlError(405, f"{path} takes POST", ("Allow", "POST"))
            case _, path:
                known = " ".join((*_GET_PATHS, *_POST_PATHS))
                raise ControlError(404, f"there is no {path[:80]}; there are {known}")

    def _query(self, path: str, query: str) -> object:
        controls, playback = self._controls, self._controls.playback
        match path:
            case "/journal":
                journal = controls.server.responder.request_journal
                return {"calls": journal.calls_since(_since(query)), "last": journal.last_number}
            case "/misses":
                return {
                    "missed": playback.journal.missed_count,
                    "misses": [miss.to_dict() for miss in playback.journal.misses],
                    "refused": playback.journal.refused_count,
                    "refusals": [one_line(refusal) for refusal in playback.journal.refusals],
                }
            case "/unused":
                refs = {"unused": playback.unused, "left_out": playback.left_out}
                return {
                    key: [name_exchange(playback.cassettes, ref) for ref in each]
                    for key, each in refs.items()
                }
            case "/streams":
                return {"streams": controls.streams}
            case _:
                return controls.status

    async def _act(self, path: str, body: bytes) -> object:
        controls = self._controls
        match path:
            case "/advance":
                arguments = msgspec.json.decode(body, type=_AdvanceBody)
                sent = await controls.advance(
                    arguments.events,
                    seconds=arguments.seconds,
                    until=arguments.until,
                    timeout_seconds=arguments.timeout_seconds,
                )
                return {"events": sent}
            case "/hold":
                controls.hold(msgspec.json.decode(body, type=_HoldBody).stream)
            case "/release":
                controls.release(msgspec.json.decode(body, type=_HoldBody).stream)
            case _:
                msgspec.json.decode(body, type=_EmptyBody)
                await controls.reset()
        return controls.status


def _since(query: str) -> int:
    text = parse_qs(query).get("since", ["0"])[-1]
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise ValueError(f"since is {text[:40]!r}, expected the number of a request")
    return int(text)


def one_line(error: object) -> str:
    """Return the text of an error on one line."""
    return "; ".join(line.strip() for line in str(error).splitlines())
