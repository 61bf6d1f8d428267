"""The streamed requests of one connection, whose bodies are processed while they arrive."""

from ...cassettes.answers.answer import ReplayResponse, StreamedResponse
from ...proto.http.request import HttpRequest
from ..http.http1 import BodyEnd, BodyPart, RequestStarted
from .ports import BodySink, ConnectionHost


class StreamedBodies:
    """Hands the parts of bodies to the sinks that the host returns for their requests.

    `keep_alive` is what the client wants after the open request, and `is_answered` whether its
    response was returned.
    """

    __slots__ = ("_client", "_host", "_new", "_sink", "is_answered", "keep_alive")

    def __init__(self, host: ConnectionHost, client: int) -> None:
        self.keep_alive = self.is_answered = False
        self._host = host
        self._client = client
        self._new: list[BodySink] = []
        self._sink: BodySink | None = None

    @property
    def is_open(self) -> bool:
        """True if a request was processed in part, and has not ended."""
        return self._sink is not None

    def begin(self, head: HttpRequest) -> bool:
        """Return whether a request is processed in parts, which then follow."""
        sink = self._host.begin_streamed_request(head, self._client)
        if sink is not None:
            self._new.append(sink)
        return sink is not None

    def process(
        self, part: RequestStarted | BodyPart | BodyEnd
    ) -> ReplayResponse | StreamedResponse | None:
        """Process a part; return the response if it can be sent from then on."""
        if isinstance(part, RequestStarted):
            self._sink, self.keep_alive = self._new.pop(0), part.keep_alive
            self.is_answered = False
            return None
        sink = self._sink
        assert sink is not None
        if isinstance(part, BodyPart):
            response = sink.feed(part.data)
        else:
            response = sink.close()
            self._sink = None
        self.is_answered = self.is_answered or response is not None
        return response

    def abort(self) -> None:
        """Abandon the open request, if there is one: the client has left before its end."""
        if self._sink is not None:
            self._sink.abort()
            self._sink = None
