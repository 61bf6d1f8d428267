"""The lines of `mesotape replay --json` while it runs, between the first line and the last.

    {"event":"call","at":0.1,"client":1,"method":"POST","path":"/api/v1","api":"master",…}

docs/commands.md has their keys.
"""

from collections.abc import Callable

from ...cassettes.matching.misses import Miss
from ...cassettes.playback.journal import RefusedRequest, ReplayNote
from ..server.server import ReplayServer
from ..streams.stream_registry import StreamState

type PrintLine = Callable[[dict[str, object]], object]


class ReplayLines:
    """Prints what happens in a replay, from `begin` on; what was before is printed then."""

    def __init__(self, print_line: PrintLine) -> None:
        self._print_line = print_line
        self._server: ReplayServer | None = None
        self._waiting: list[dict[str, object]] | None = []

    def watch(self, server: ReplayServer) -> None:
        """Print calls and streams of a server. Call this after others have set its callbacks."""
        self._server = server
        server.stream_registry.on_begin = lambda state: self._print_stream("stream", state)
        server.stream_registry.on_end = lambda state: self._print_stream("end", state)
        journal = server.responder.request_journal
        notify = journal.on_call

        def on_call() -> None:
            self._print_last_call()
            if notify is not None:
                notify()

        journal.on_call = on_call

    def begin(self) -> None:
        """Print what has waited, and from now on at once."""
        waiting, self._waiting = self._waiting or [], None
        for line in waiting:
            self._print_line(line)

    def print_note(self, note: Miss | ReplayNote) -> None:
        """Print a miss, a refusal, or a note."""
        match note:
            case Miss():
                self._print("miss", note.to_dict())
            case RefusedRequest():
                self._print("refusal", {"refusal": str(note.refusal), **note.miss.to_dict()})
            case str():
                self._print("note", {"note": note})

    def print_failure(self, text: str) -> None:
        """Print what could not be played."""
        self._print("failure", {"failure": text})

    def _print_last_call(self) -> None:
        assert self._server is not None
        journal = self._server.responder.request_journal
        for call in journal.calls_since(journal.last_number - 1):
            keys = ("client", "method", "path", "api", "type", "outcome", "exchange")
            self._print("call", {key: getattr(call, key) for key in keys}, call.at)

    def _print_stream(self, event: str, state: StreamState) -> None:
        fields: dict[str, object] = {
            "stream": state.number,
            "client": state.client,
            "type": state.call,
            "exchange": state.exchange,
        }
        self._print(event, fields | ({"events": state.events_sent} if event == "end" else {}))

    def _print(self, event: str, fields: dict[str, object], at: float | None = None) -> None:
        if at is None:
            at = self._elapsed_seconds()
        given = {key: value for key, value in fields.items() if value is not None}
        line: dict[str, object] = {"event": event, "at": at, **given}
        if self._waiting is not None:
            self._waiting.append(line)
        else:
            self._print_line(line)

    def _elapsed_seconds(self) -> float:
        if self._server is None:
            return 0.0
        began_seconds = self._server.responder.request_journal.began_seconds
        return round(self._server.clock.time() - began_seconds, 6)
