"""A streamed request on its way from a connection to the playback."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse
from ...cassettes.matching.misses import Miss, ReplayOutcome
from ...cassettes.playback.streamed_requests import StreamedRequest
from ...proto.http.request import HttpRequest

if TYPE_CHECKING:
    from .server import ReplayServer


class StreamedRequestSink:
    """An intake that tells its misses and failures."""

    def __init__(
        self, server: "ReplayServer", intake: StreamedRequest, head: HttpRequest, client: int
    ) -> None:
        self._server = server
        self._intake: StreamedRequest | None = intake
        self._head = head
        self._client = client

    def feed(self, data: bytes) -> ReplayResponse | StreamedResponse | None:
        """Take a piece of the body."""
        return self._told(lambda intake, now_seconds: intake.feed(data, now_seconds))

    def close(self) -> ReplayResponse | StreamedResponse | None:
        """Take the end."""
        return self._told(lambda intake, now_seconds: intake.close(now_seconds))

    def abort(self) -> None:
        """Give up: the client has gone."""
        self._told(lambda intake, now_seconds: intake.abort(now_seconds))

    def _told(
        self, step: Callable[[StreamedRequest, float], ReplayOutcome | None]
    ) -> ReplayResponse | StreamedResponse | None:
        if self._intake is None:
            return None
        now_seconds = self._server.clock.time()
        try:
            outcome = step(self._intake, now_seconds)
        except (ValueError, LookupError, OSError) as error:
            self._intake = None
            self._server.request_journal.record_request(
                self._head, self._client, now_seconds, "failed"
            )
            return self._server.answer_failure(error)
        if outcome is not None:
            self._server.record_outcome(self._head, self._client, now_seconds, outcome)
        return self._server.answer_miss(outcome) if isinstance(outcome, Miss) else outcome
