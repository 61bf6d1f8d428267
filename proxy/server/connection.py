"""One client's connection: receives requests, and sends the responses in the order of the requests.

Requests are answered as they arrive, so that they are played in the order of their arrival. For a
client that does not read, the stream waits and further requests are not read: the memory of a
connection is bounded.
"""

import asyncio
from collections.abc import Callable
from typing import cast, override

from ...cassettes.answers.answer import StreamedResponse
from ..http.http1 import (
    CONTINUE_RESPONSE,
    CompleteRequest,
    ContinueExpected,
    HttpRequestError,
    RequestEvent,
)
from ..http.request_parser import RequestParser
from ..streams.ports import guarded
from ..streams.stream_sender import StreamSender
from .ports import ConnectionHost
from .response_queue import ResponseQueue
from .streamed_bodies import StreamedBodies
from .turns import TURN_SECONDS, too_many_left


class Connection(asyncio.Protocol):
    """HTTP/1 over one transport; the `Peer` of its host.

    `register_stream` gets each stream that begins, and the number of the connection. An error of
    any kind is reported and closes this connection alone.
    """

    _transport: asyncio.Transport
    _left_requests = 0

    def __init__(
        self,
        host: ConnectionHost,
        number: int,
        register_stream: Callable[[StreamSender, int], object],
    ) -> None:
        self.number = number
        self._host = host
        self._bodies = StreamedBodies(host, number)
        self._parser = RequestParser(
            host.limits, host.request_cache, self._bodies.begin, host.held_bodies
        )
        self._responses = ResponseQueue(host, self)
        self._register_stream = register_stream
        self._backlog: list[RequestEvent] = []
        self._is_reading_paused = False
        self._awaits_turn = self._is_lost = False
        self._silent_since_seconds: float | None = None

    # Called by the transport.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not all event loops derive theirs from the class of asyncio.
        transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(self._host.limits.max_unsent_bytes)
        self._transport = self._responses.transport = transport
        if not self._host.joined(self):
            self.abort()

    @override
    @guarded
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._awaits_turn or self._responses.is_closed:
            self._leave()
            return
        # The client did not wait for the responses. What it has sent is still processed.
        self._is_lost = self._responses.is_closed = True
        count = len(self._backlog)
        if self._host.turns.hold_left(count):
            self._left_requests = count
        else:
            self._backlog.clear()
            self._host.report_failure(0, too_many_left(count))

    def _leave(self) -> None:
        self._backlog.clear()
        self._parser.close()
        self._parser.release()
        try:
            self._responses.stop()
            self._bodies.abort()
        finally:
            self._host.left(self)

    @override
    @guarded
    def data_received(self, data: bytes) -> None:
        if self._responses.is_closed:
            return
        was_in_body = self._parser.is_in_body
        events = self._parser.feed(data)
        is_same_body = was_in_body and not events
        self._watch_silence(bool(events), len(data) if is_same_body else 0)
        if events:
            self._backlog[:0] = reversed(events)
            self.process_backlog()

    @override
    def pause_writing(self) -> None:
        self._responses.is_full = True

    @override
    @guarded
    def resume_writing(self) -> None:
        self._responses.resume()
        self.process_backlog()

    # Called by the server.

    @property
    def is_busy(self) -> bool:
        """True if a response is being sent, or a request has begun to arrive."""
        return self._responses.is_busy or bool(self._backlog) or self._parser.has_unfinished

    @property
    def awaits_turn(self) -> bool:
        """True if it goes on with requests that have arrived, after a turn of others."""
        return self._awaits_turn

    @guarded
    def check_timeout(self, now_seconds: float) -> None:
        """End the connection if its client has been silent for too long.

        That is a 408 in the middle of a request, and an abort while lingering (`_linger`).
        """
        if self._silent_since_seconds is None or self._is_reading_paused:
            return
        silent_seconds = now_seconds - self._silent_since_seconds
        limits = self._host.limits
        if self._responses.is_closed:
            if silent_seconds > limits.linger_seconds:
                self._transport.abort()
        elif silent_seconds > limits.receive_timeout_seconds and not self._parser.is_record_stream:
            self._backlog.insert(0, HttpRequestError(408, "the request did not arrive in time"))
            self.process_backlog()
            self.close()

    def close(self) -> None:
        """Close after what was written has been sent, or soon if the client does not read it."""
        if not self._responses.is_closed:
            self._responses.is_closed = True
            self._silent_since_seconds = self._host.clock.time()
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._responses.is_closed = True
        self._transport.abort()
        if self._is_lost:
            self._backlog.clear()

    # Called by the responses.

    def stream_began(self, sender: StreamSender) -> None:
        """Register a stream that is being sent."""
        self._register_stream(sender, self.number)

    def fail(self, error: Exception) -> None:
        """Report an error, and close the connection."""
        self._host.report_failure(0, error)
        self.close()

    # The timeout of a request.

    def _watch_silence(self, has_events: bool, body_bytes: int = 0) -> None:
        """Record since when the connection waits for a head, or for the next part of a body.

        - No request is open: there is nothing to wait for; an idle connection may stay.
        - A head is open: it has one timeout for all of its bytes, so that a client that sends them
          one by one is given up. The time counts from its first bytes (`has_events`: they arrived
          together with the request before).
        - A body is open, and is no stream of records: the time starts anew when it begins. From
          then on `body_bytes` more of it buy time, by the slowest rate that is no pause. So a body
          may be large, but a client that sends it byte by byte is given up, too.
        """
        now_seconds, since_seconds = self._host.clock.time(), self._silent_since_seconds
        if not self._parser.has_unfinished:
            self._silent_since_seconds = None
        elif body_bytes and since_seconds is not None and not self._parser.is_record_stream:
            bought_seconds = body_bytes / self._host.limits.min_body_bytes_per_second
            self._silent_since_seconds = min(now_seconds, since_seconds + bought_seconds)
        elif has_events or since_seconds is None or self._parser.is_in_body:
            self._silent_since_seconds = now_seconds

    # Requests.

    def process_backlog(self) -> None:
        """Answer the requests that have arrived, as far as the client takes the responses.

        Called when something can go on: requests arrived, the client reads again, or a stream
        ended. Stops when the connection is closed, the client has left too much unread, too many
        responses wait for the end of a stream, or others have waited for long enough: then it goes
        on after them. The backlog is in reverse order.

        Requests that stay in the backlog pause reading, and an empty backlog resumes it: TCP then
        makes the client wait, so the backlog never holds more than one read of the transport.
        While reading is paused, the silence is ours and not the client's. So `check_timeout` does
        nothing then, and the time of an open request starts anew afterwards.
        """
        responses, backlog, began_seconds = self._responses, self._backlog, 0.0
        while backlog and (self._is_lost or not (responses.is_closed or responses.is_full)):
            if responses.waiting_count >= self._host.limits.max_pipelined_responses:
                break
            if len(backlog) > 1:
                now_seconds = self._host.clock.time()
                began_seconds = began_seconds or now_seconds
                if now_seconds - began_seconds > TURN_SECONDS:
                    self._await_turn()
                    break
            self._process_event(backlog.pop())
        if responses.is_closed or self._is_reading_paused == bool(self._backlog):
            return
        self._is_reading_paused = bool(self._backlog)
        if self._is_reading_paused:
            self._transport.pause_reading()
        else:
            self._silent_since_seconds = None
            self._watch_silence(False)
            self._transport.resume_reading()

    def _await_turn(self) -> None:
        if not self._awaits_turn:
            self._awaits_turn = True
            self._host.turns.add(self._take_turn)

    @guarded
    def _take_turn(self) -> None:
        self._awaits_turn = False
        try:
            self.process_backlog()
        finally:
            if self._is_lost and not self._awaits_turn:
                self._host.turns.left_requests -= self._left_requests
                self._leave()

    def _process_event(self, event: RequestEvent) -> None:
        match event:
            case CompleteRequest():
                response = self._host.answer_request(event.request, self.number)
                self._responses.enqueue(response, event.keep_alive)
                if event.keep_alive and isinstance(response, StreamedResponse):
                    self._parser.release()
            case HttpRequestError():
                self._refuse(event)
            case ContinueExpected():
                if not self._responses.is_busy:
                    self._transport.write(CONTINUE_RESPONSE)
            case _:
                response = self._bodies.process(event)
                if response is not None:
                    self._responses.enqueue(response, self._bodies.keep_alive)

    # The end.

    def end_after_response(self) -> None:
        """End the connection after its last response, also in the middle of a request."""
        if self._parser.has_unfinished:
            self._linger()
        else:
            self.close()

    def _refuse(self, error: HttpRequestError) -> None:
        """Send an error, then end the connection; without it if a response was sent already."""
        if self._responses.is_busy or self._responses.waiting_count:
            self.close()
            return
        if not (self._bodies.is_open and self._bodies.is_answered):
            self._transport.write(error.render_response())
        self._linger()

    def _linger(self) -> None:
        """Send nothing more, but go on reading for a while, and drop what arrives.

        The client is still sending its request. To close a socket with unread bytes in it makes
        the kernel send a reset, which can reach the client before it has read the response, and
        then the response is lost (RFC 9112, 9.6). So only our direction is closed: the client
        reads the response and its end, and closes. `data_received` drops what it sends until
        then, and a client that does not close is aborted after `linger_seconds` by
        `check_timeout`. TLS cannot close one direction; there the response may be lost.
        """
        self._parser.close()
        self._parser.release()
        if self._transport.can_write_eof():
            self._responses.is_closed = True
            self._silent_since_seconds = self._host.clock.time()
            self._transport.write_eof()
        else:
            self.close()
