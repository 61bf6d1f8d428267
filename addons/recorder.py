"""The recorder: an addon that passes what it observes to a writer process, and changes nothing.

Bodies pass through callbacks, which return the bytes that they got at once (traffic/streaming.py).
Whatever is called by mitmproxy or by the event loop is guarded: an error of the recorder is counted
and reported, and the traffic goes on (traffic/guard.py).

Other addons and options may change a flow. So most hooks are not members of the addon: they run
before all others, or after them. traffic/proxied_exchange.py describes what is recorded when.

Nothing here waits, except `start` and `done`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from mitmproxy import command, ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client

from ..cassettes.recording.observations import (
    AnyObservation,
    HeaderFields,
    RecordingContinued,
    RecordingStopped,
)
from ..cassettes.recording.writer_reports import WriterStatus
from ..proto.api import endpoints
from ..proto.counted import counted
from . import recorder_options
from .addon_options import selected_server
from .health import answer_health_check
from .http1 import unparsed_requests
from .http1.head_limits import set_max_head
from .http1.http1_gaps import close_http1_gaps
from .leader_redirect import LeaderRedirect
from .recorder_notes import RecorderNotes
from .traffic.failures import RecordingFailures
from .traffic.flow_recorder import FlowRecorder
from .traffic.guard import Guard
from .traffic.hook_order import HookOrder
from .traffic.messages import header_fields
from .traffic.proxied_exchange import ExchangeContext
from .traffic.proxy_answers import refused_request
from .traffic.shortcuts import take_shortcuts
from .traffic.streaming import (
    BodyStreaming,
    hold_answered_request,
    stream_request,
    stream_response,
)
from .writing.writer_client import WriterClient, WriterError, WriterExistsError

logger = logging.getLogger(__name__)


class Recorder:
    """Records into one cassette, from `start` until `stop` or `done`.

    `clock` returns seconds. `guard` counts the errors of the recorder itself.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.failures = RecordingFailures()
        self._notes = notes = RecorderNotes(
            self._send, self._now, lambda: self._is_recording, self.failures
        )
        self.guard = guard = Guard(notes.report_error)
        self._clock = clock
        self._start_seconds = 0.0
        self._writer: WriterClient | None = None
        self._opening: asyncio.Task[None] | None = None
        self._is_opened = asyncio.Event()
        self._is_stopped = False
        self._leaders = LeaderRedirect(notes.report)
        rewrite_location = guard.wrap(self._leaders.rewrite_location)
        context = ExchangeContext(self._send, self._now, notes.note_once, rewrite_location, guard)
        self._flows = flows = FlowRecorder(context, notes.count_answer)
        self._hook_order = HookOrder(
            first={
                "requestheaders": [self._leaders.route_to_leader, self._begin_request],
                "request": [flows.end_request],
                "responseheaders": [flows.begin_response],
                "response": [flows.keep_response],
            },
            last={
                "requestheaders": [hold_answered_request, flows.finish_request_head],
                "responseheaders": [self._finish_response_head],
                "response": [flows.finish_response],
                "error": [self._leaders.forget_unreachable_leader, flows.break_off],
            },
            guard=guard,
        )
        streaming = BodyStreaming(lambda hook: self._hook_order.is_hook_used(hook, self))
        self._streaming = streaming
        self.requestheaders = guard.wrap(self._stream_request, otherwise=stream_request)
        self.responseheaders = guard.wrap(self._stream_response, otherwise=stream_response)
        self.tls_failed_client = guard.wrap(notes.note_failed_handshake)
        self.http_connect_error = guard.wrap(notes.note_refused_tunnel)
        self.client_connected = guard.wrap_async(self._hold_client)
        self.client_disconnected = guard.wrap(flows.client_disconnected)
        self.server_connect = guard.wrap(self._leaders.set_upstream_sni)
        self._on_unparsed_request = guard.wrap(notes.note_unparsed_request)

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        close_http1_gaps()
        take_shortcuts()
        recorder_options.add_options(loader)

    def configure(self, updated: set[str]) -> None:
        """Check the options. Raises OptionsError."""
        recorder_options.check_options(updated)
        if "mesotape_max_head" in updated:
            set_max_head(ctx.options.mesotape_max_head)

    @property
    def failure(self) -> str | None:
        """Why the recording is not complete, or None."""
        if self.failures.last is None and self.guard.count:
            return f"the recorder failed {counted(self.guard.count, 'time')}"
        return self.failures.last

    @property
    def writer_status(self) -> WriterStatus:
        """The last report of the writer: how much is recorded."""
        return WriterStatus() if self._writer is None else self._writer.status

    @property
    def proxy_answer_count(self) -> int:
        """How many requests were answered by the proxy, because the upstream did not."""
        return self._notes.proxy_answers.total

    @property
    def elapsed_seconds(self) -> float:
        """The time of the recording."""
        return self._now()

    async def start(self, writer: WriterClient) -> WriterStatus:
        """Start to record; return the first report. Raises WriterError if it has an error."""
        status = await writer.open()
        failures = self.failures
        writer.on_failure, writer.on_resume = failures.stopped, failures.resumed
        writer.on_problem, writer.on_complete = failures.wrong, failures.completed
        writer.on_error = self.guard.catch
        first, open_exchanges = status.last_exchange + 1, self._flows.open_exchanges
        writer.on_restart = lambda: RecordingContinued(0, 0.0, first, open_exchanges())
        self._start_seconds = self._clock() - status.elapsed
        self._flows.continue_numbers(status.last_exchange, status.last_client)
        self._writer = writer
        self._leaders.activate()
        self._hook_order.activate()
        unparsed_requests.listen(self._on_unparsed_request)
        return status

    async def running(self) -> None:
        """Start to record if an option names a cassette and `start` was not called.

        mitmproxy ends if an error is logged here. It waits for this, and does not react to signals
        meanwhile, so a disk that blocks is not waited for.
        """
        if self._writer is not None or not ctx.options.mesotape_cassette:
            return
        # Addons do not see the failure of an eager connection, and quiet streams are not dead.
        options: Any = ctx.options
        options.update(connection_strategy="lazy", tcp_timeout=10**9)
        self._opening = asyncio.create_task(self._open())
        await asyncio.wait([self._opening], timeout=3.0)

    @command.command("mesotape.status")
    def status(self) -> str:
        """Report what is recorded so far."""
        if self._writer is None:
            return "not recording"
        counts = self.writer_status
        exchanges, events = counted(counts.exchanges, "exchange"), counted(counts.events, "event")
        text = f"{exchanges}, {events} in {self._writer.path}"
        return f"{text}; {self.failure}" if self.failure is not None else text

    def stop(self) -> None:
        """End the recording: open exchanges are ended as stopped, and later hooks do nothing."""
        if self._is_recording:
            for step in (self._hook_order.deactivate, self._flows.stop, self._end_recording):
                self.guard.wrap(step)()
            self._is_stopped = True

    def discard(self) -> None:
        """Undo `start`; a new cassette is removed again."""
        self.stop()
        if self._writer is not None:
            self._writer.discard()

    async def done(self) -> None:
        """Stop, and wait until all is written."""
        if self._opening is not None:
            self._opening.cancel()
        self.guard.wrap(self.stop)()
        if self._writer is not None:
            await self.guard.wrap_async(self._writer.close)()

    async def _open(self) -> None:
        try:
            await self.start(WriterClient(recorder_options.writer_config()))
            recorder_options.start_duration()
        except WriterExistsError as error:
            logger.error("mesotape: %s, or set mesotape_existing to overwrite or append", error)
        except WriterError as error:
            logger.error("mesotape: %s", error)
        finally:
            self._is_opened.set()

    async def _hold_client(self, _: Client) -> None:
        """Hold a client back until the cassette is open."""
        if ctx.options.mesotape_cassette and self._writer is None:
            await self._is_opened.wait()

    def _begin_request(self, flow: http.HTTPFlow) -> None:
        """Start to record a request, unless it is a health check; before other addons."""
        if answer_health_check(flow):
            return
        path = flow.request.data.path.decode("latin-1")
        if not self._is_recorded(path, header_fields(flow.request)):
            return
        if flow.error is not None:
            self._notes.note_answer(refused_request(flow.error.msg))
        else:
            self._flows.begin_request(flow)

    def _stream_request(self, flow: http.HTTPFlow) -> None:
        self._hook_order.activate()
        if self._writer is not None:
            self._streaming.begin_request(flow)

    def _stream_response(self, flow: http.HTTPFlow) -> None:
        if self._writer is not None:
            self._streaming.begin_response(flow)

    def _finish_response_head(self, flow: http.HTTPFlow) -> None:
        """Observe a streamed response; after other addons."""
        if flow in self._flows:
            self._flows.finish_response_head(flow)
        else:
            self._leaders.rewrite_location(flow)

    def _end_recording(self) -> None:
        unparsed_requests.unlisten(self._on_unparsed_request)
        self._notes.log_counts()
        if self.guard.count > 1:
            self._notes.report(f"the recorder failed {counted(self.guard.count, 'time')}")
        self._send(RecordingStopped(0, self._now()))

    @property
    def _is_recording(self) -> bool:
        return self._writer is not None and not self._is_stopped

    def _is_recorded(self, path: str, headers: HeaderFields) -> bool:
        if not self._is_recording or endpoints.is_actor_message(headers):
            return False
        if not ctx.options.mesotape_only_v1:
            return True
        return endpoints.find_api(path, selected_server()) is not None

    def _now(self) -> float:
        return self._clock() - self._start_seconds

    def _send(self, observation: AnyObservation) -> None:
        if self._writer is not None and not self._is_stopped:
            self._writer.send(observation)
