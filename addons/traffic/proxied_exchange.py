"""One recorded exchange: what the hooks of mitmproxy show of it becomes observations.

Each hook is called in all addons, one after the other, and each may change the flow. So a hook is
used at two points (hook_order.py): before the others, where the flow has what the peer sent, and
after them, where it has what passes on. The cassette gets what the client sent and what it got,
because a replay stands in for all that was behind that client:

                before the others             after the others
    request     recorded                      compared: a change is noted
    response    kept for the comparison       recorded, and a change is noted

A body passes in one of three ways:

    streamed    through our tap, where its pieces are recorded as they pass
    held        until it is whole: the hook `request` or `response` has it, also after an edit
    unseen      streamed, but not through our tap, because that was replaced, or streaming switched
                on, after our last look: recorded as missing, with a note

The head of a response that is held is recorded with its body, because it may still change.
"""

from collections.abc import Callable

from mitmproxy import http
from mitmproxy.net.http.http1 import expected_http_body_size
from msgspec import Struct

from ...cassettes.format.documents import EndCause, Side
from ...cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    MissingBody,
    RecorderNote,
    RequestEnd,
    ResponseHead,
)
from ..http1.http1_gaps import unrecorded_parts
from .body_tap import BodyTap
from .guard import Guard
from .messages import MessageChanges, SentRequest, SentResponse, header_fields
from .proxy_answers import ProxyAnswer, examine_error, is_killed

_OTHERS = "another addon or option"

_PIECE_BYTES = 1 << 20


class ExchangeContext(Struct, frozen=True):
    """What an exchange needs of the recorder.

    `note_once` adds a note unless the same was added before: what happens to one exchange for the
    same reason happens to all. `after_head` is called when the head of a response was recorded, and
    may change what the client gets; it never raises. The callbacks of bodies run under `guard`.
    """

    send: Callable[[AnyObservation], None]
    now: Callable[[], float]
    note_once: Callable[[str], None]
    after_head: Callable[[http.HTTPFlow], None]
    guard: Guard


class ProxiedExchange:
    """Reports one exchange, after the head of its request. The methods are called by hooks."""

    def __init__(
        self, number: int, client_id: str, request: http.Request, context: ExchangeContext
    ) -> None:
        self.client_id = client_id
        self.is_request_open = self.is_response_open = True
        self.number, self._context = number, context
        self._request = SentRequest(request)
        self._request_tap: BodyTap | None = None
        self._response_tap: BodyTap | None = None
        self._response: SentResponse | None = None  # as the upstream sent it
        self._response_at = 0.0
        self._intercepted_head: SentResponse | None = None
        self._is_head_recorded = self._is_response_missing = False

    def tap_request(self, request: http.Request) -> None:
        """Observe a request that is streamed; after others. If it is held, do nothing yet."""
        if request.stream and not _is_empty(request):
            self._request_tap = self._tap("client", request)
            self._note_request_changes(request)

    def end_request(self, request: http.Request) -> None:
        """Record the end of a request, with its body if that was held; before others."""
        tap, body = self._request_tap, request.raw_content
        if tap is not None and tap.is_complete:
            if tap.is_changed:
                self.add_note(
                    f"{_OTHERS} changed the streamed request: the cassette has what the "
                    "client sent, and not what the upstream got"
                )
        elif tap is not None or body is None:
            self._miss_body("client")
        else:
            self._request.body = body
            self._add_data("client", body)
        self.is_request_open = False
        self._context.send(RequestEnd(self.number, self._context.now()))

    def begin_response(self, flow: http.HTTPFlow) -> None:
        """Look at the head of a response; before others.

        One that has its body was made by an addon: mitmproxy calls the hook for it, too.
        """
        assert flow.response is not None
        self._response_at = self._context.now()
        if flow.response.raw_content is None:
            self._response = SentResponse(flow.response)
            self._note_change_of_held_request(flow)

    def tap_response(self, flow: http.HTTPFlow) -> None:
        """Observe a response that is streamed; after others. If it is held, do nothing yet."""
        response = flow.response
        assert response is not None
        if response.stream and self._response is not None and not _is_empty(flow.request, response):
            self._response_tap = self._tap("server", response)
            self._record_head(flow)
            if flow.intercepted:
                self._intercepted_head = SentResponse(response)

    def keep_response(self, response: http.Response) -> None:
        """Look at a complete response; before others."""
        if self._response is not None:
            self._response.body = response.raw_content

    def end_response(self, flow: http.HTTPFlow) -> None:
        """Record the end of a response, with head and body if it was held; after others."""
        assert flow.response is not None
        self.is_response_open = False
        if self._response_tap is not None:
            self._end_streamed(flow.response, self._response_tap)
            return
        self._record_head(flow)
        if (body := flow.response.raw_content) is None:
            self._miss_body("server")
        else:
            self._add_data("server", body)

    def break_off(self, flow: http.HTTPFlow) -> ProxyAnswer | None:
        """End an exchange that broke off; return what the client got from the proxy, if it did."""
        if self._response is None and not self.is_request_open:
            self._note_change_of_held_request(flow)
        if self._is_unseen(flow):
            self._record_head(flow)
            self._miss_body("server")
        cause, answer = examine_error(
            flow, is_request_open=self.is_request_open, is_answered=self._is_head_recorded
        )
        if answer is not None:
            self.add_note(str(answer))
        self.note_unrecorded_parts(flow)
        self.end(cause)
        return answer

    def end(self, cause: EndCause) -> None:
        """End the exchange."""
        if cause == "client":
            self.note_held_response()
        elif cause == "server" and self._is_response_missing:
            cause = "server-cut"  # A replay must not pass it off as complete.
        self._context.send(ExchangeEnd(self.number, self._context.now(), cause))

    def note_held_response(self) -> None:
        """Note that the upstream has answered, if nothing of it was passed on yet."""
        if self._response is not None and not self._is_head_recorded:
            self.add_note(
                "the upstream answered, but nothing of that reached the client: "
                f"{_OTHERS} has the proxy wait for the whole answer"
            )

    def note_unrecorded_parts(self, flow: http.HTTPFlow) -> None:
        """Note what passed and has no place in a cassette."""
        for text in unrecorded_parts(flow):
            self.add_note(text)

    def add_note(self, text: str) -> None:
        """Add a note about this exchange."""
        self._context.send(RecorderNote(self.number, self._context.now(), text))

    def _is_unseen(self, flow: http.HTTPFlow) -> bool:
        """Return whether streaming of the response was switched on after the last look."""
        if self._response is None or self._is_head_recorded or is_killed(flow):
            return False
        return flow.response is not None and bool(flow.response.stream)

    def _tap(self, side: Side, message: http.Message) -> BodyTap:
        context = self._context
        tap = BodyTap(self.number, side, context.send, context.now, context.guard)
        tap.follow(message.stream)
        message.stream = tap.callback
        return tap

    def _end_streamed(self, response: http.Response, tap: BodyTap) -> None:
        if not tap.is_complete:
            self._miss_body("server")
        if self._response is not None and self._response.body != response.raw_content:
            self.add_note(
                f"{_OTHERS} set the body of a response that was streamed already: "
                "the client and the cassette have the body of the upstream"
            )
        if (before := self._intercepted_head) is not None and (late := before.changes(response)):
            self.add_note(f"the head of the response was edited after it was recorded: {late}")

    def _record_head(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        assert response is not None
        self._is_head_recorded = True
        if self._response is None:
            self.add_note(f"{_OTHERS} gave this answer, and not the upstream")
        else:
            self._note_changes(
                "changed the answer of the upstream", "got", self._response.changes(response)
            )
        head = ResponseHead(
            self.number,
            self._response_at,
            response.status_code,
            response.data.reason.decode("latin-1"),
            header_fields(response),
        )
        self._context.send(head)
        self._context.after_head(flow)

    def _note_change_of_held_request(self, flow: http.HTTPFlow) -> None:
        """Note how a request was changed by addons, or by a user who intercepted it."""
        if self._request_tap is None:
            self._note_request_changes(flow.request)

    def _note_request_changes(self, request: http.Request) -> None:
        changes = self._request.changes(request)
        self._note_changes("changed the request to the upstream", "sent", changes)

    def _note_changes(self, what: str, done: str, changes: MessageChanges) -> None:
        if changes.parts:
            self.add_note(f"{_OTHERS} {what}: {changes}; the cassette has what the client {done}")
        elif changes.headers:
            self._context.note_once(
                f"{_OTHERS} {what}: {changes}; the cassette has what the client {done} (other "
                "exchanges with this change have no note)"
            )

    def _miss_body(self, side: Side) -> None:
        self._is_response_missing |= side == "server"
        reason = f"{_OTHERS} streamed it past the recorder"
        self._context.send(MissingBody(self.number, self._context.now(), side, reason))

    def _add_data(self, side: Side, data: bytes) -> None:
        """Record a body that was held, in pieces of which each may be dropped."""
        at_seconds = self._context.now()
        for begin in range(0, len(data), _PIECE_BYTES):
            piece = data[begin : begin + _PIECE_BYTES]
            self._context.send(BodyData(self.number, at_seconds, side, piece))


def _is_empty(request: http.Request, response: http.Response | None = None) -> bool:
    """Return whether a message has no body by its head: mitmproxy does not stream those."""
    try:
        return expected_http_body_size(request, response) == 0
    except ValueError:
        return False
