"""A streamed request on its way from a connection to the playback."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...cassettes.answers.answer import Answer, StreamAnswer
from ...cassettes.matching.misses import Miss
from ...cassettes.playback.streamed_requests import Intake, Outcome
from ...proto.http.request import Received

if TYPE_CHECKING:
    from .server import ReplayServer


class Taken:
    """An intake that tells its misses and failures."""

    def __init__(self, server: "ReplayServer", intake: Intake, head: Received, client: int) -> None:
        self._server = server
        self._intake: Intake | None = intake
        self._head = head
        self._client = client

    def feed(self, data: bytes) -> Answer | StreamAnswer | None:
        """Take a piece of the body."""
        return self._told(lambda intake, now_seconds: intake.feed(data, now_seconds))

    def end(self) -> Answer | StreamAnswer | None:
        """Take the end."""
        return self._told(lambda intake, now_seconds: intake.end(now_seconds))

    def leave(self) -> None:
        """Give up: the client has gone."""
        self._told(lambda intake, now_seconds: intake.leave(now_seconds))

    def _told(
        self, step: Callable[[Intake, float], Outcome | None]
    ) -> Answer | StreamAnswer | None:
        if self._intake is None:
            return None
        now_seconds = self._server.clock.time()
        try:
            outcome = step(self._intake, now_seconds)
        except (ValueError, LookupError, OSError) as error:
            self._intake = None
            self._server.calls.take(self._head, self._client, now_seconds, "failed")
            return self._server.told_failure(error)
        if outcome is not None:
            self._server.took(self._head, self._client, now_seconds, outcome)
        return self._server.told_miss(outcome) if isinstance(outcome, Miss) else outcome
