"""What the recorder notes in the cassette, and logs: its own errors, and answers of the proxy."""

import logging
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.tls import TlsData

from ..cassettes.recording.observations import AnyObservation, RecorderNote
from ..proto.shown_text import escape_surrogates
from .traffic.failures import RecordingFailures
from .traffic.proxy_answers import ProxyAnswer, ProxyAnswerCounts, refused_request

logger = logging.getLogger(__name__)


class RecorderNotes:
    """Sends notes as observations; `now` returns the seconds since the start of the recording.

    Before the start, and after the end, answers of the proxy are not noted.
    """

    def __init__(
        self,
        send: Callable[[AnyObservation], None],
        now: Callable[[], float],
        is_recording: Callable[[], bool],
        failures: RecordingFailures,
    ) -> None:
        self._send, self._now = send, now
        self._is_recording, self._failures = is_recording, failures
        self.proxy_answers = ProxyAnswerCounts()
        self._noted = set[str]()

    def report(self, text: str) -> None:
        """Log a text, and add it to the cassette."""
        _warn(text)
        self._add(text)

    def note_once(self, text: str) -> None:
        """Add a text to the cassette, unless it was added before."""
        if text not in self._noted:
            self._noted.add(text)
            self._add(text)

    def note_failed_handshake(self, data: TlsData) -> None:
        """Note a client that could not be understood."""
        text = f"the TLS handshake with a client failed: {data.conn.error}"
        self.note_answer(ProxyAnswer("TLS handshake with a client failed", text, None))

    def note_refused_tunnel(self, flow: http.HTTPFlow) -> None:
        """Note a CONNECT that was refused."""
        status = flow.response.status_code if flow.response is not None else None
        text = f"CONNECT {flow.request.host}:{flow.request.port} failed"
        self.note_answer(ProxyAnswer("CONNECT failed", text, status))

    def note_unparsed_request(self, reason: str, status: int) -> None:
        """Note a request that the proxy could not parse."""
        self.note_answer(refused_request(reason, status))

    def note_answer(self, answer: ProxyAnswer) -> None:
        """Note and count an answer of the proxy that is in no recorded exchange."""
        if self._is_recording():
            self._add(str(answer))
            self.count_answer(answer)

    def count_answer(self, answer: ProxyAnswer) -> None:
        """Count an answer of the proxy, and log the first of each kind."""
        if self.proxy_answers.add(answer):
            _warn(str(answer))

    def log_counts(self) -> None:
        """Log how many answers of each kind there were."""
        for line in self.proxy_answers.lines():
            _warn(line)

    def report_error(self, place: str) -> None:
        """Report the first error of the recorder itself."""
        text = f"the recorder failed: {place}; the recording is not complete"
        try:
            self._add(text)
        finally:
            self._failures.incomplete(text)

    def _add(self, text: str) -> None:
        self._send(RecorderNote(0, self._now(), text))


def _warn(text: str) -> None:
    logger.warning("mesotape: %s", escape_surrogates(text))
