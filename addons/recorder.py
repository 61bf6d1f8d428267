"""The recorder: an addon that passes what it observes to a writer process, and changes nothing.

mitmproxy holds back a body until it is complete, unless an addon streams it. So every body is
streamed through a callback that passes it on at once, whether Mesos streams it or not. The
callbacks return the bytes that they got, and never raise: mitmproxy would not send those bytes.

Nothing here waits, except `start` and `done`.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitmproxy import command, ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from ..cassettes.format.documents import EndCause, Side
from ..cassettes.recording.observations import (
    AnyObservation,
    BodyData,
    ExchangeEnd,
    HeaderFields,
    RecorderNote,
    RecordingStopped,
    RequestEnd,
    RequestHead,
    ResponseHead,
)
from ..proto.api import endpoints
from ..proto.api.negotiation import RECORDIO
from ..proto.http.headers import last_header_values
from .body_type import header_fields
from .leader_redirect import LeaderRedirect, is_connect_failure
from .server_option import SERVER_KINDS, add_server_option, selected_server
from .writer_process import (
    WriterConfig,
    WriterError,
    WriterExistsError,
    WriterProcess,
    WriterStatus,
)

logger = logging.getLogger(__name__)

_EXISTING = ["refuse", "overwrite", "append"]


class Recorder:
    """Records into one cassette, from `start` until `stop` or `done`.

    `clock` returns seconds. `failure` is why the recording stopped too early, or None.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.failure: str | None = None
        self._clock = clock
        self._start_seconds = 0.0
        self._writer: WriterProcess | None = None
        self._is_stopped = False
        self._exchanges: dict[str, _ProxiedExchange] = {}
        self._client_numbers: dict[str, int] = {}
        self._last_exchange = self._last_client = 0
        self._leaders = LeaderRedirect(self._report)

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        loader.add_option("mesotape_cassette", str, "", "Record into this cassette.")
        loader.add_option(
            "mesotape_existing",
            str,
            "refuse",
            "What to do if the cassette exists.",
            choices=_EXISTING,
        )
        add_server_option(loader)
        loader.add_option("mesotape_only_v1", bool, False, "Record only the v1 APIs.")
        loader.add_option(
            "mesotape_fail_closed", bool, False, "Shut the proxy down if recording fails."
        )

    def configure(self, updated: set[str]) -> None:
        """Check the options, because mitmproxy does not enforce `choices`. Raises OptionsError."""
        for name, choices in (("mesotape_existing", _EXISTING), ("mesotape_server", SERVER_KINDS)):
            if name in updated and (value := getattr(ctx.options, name)) not in choices:
                text = f"{name} is {value!r}, expected {' or '.join(choices)}"
                raise exceptions.OptionsError(text)

    @property
    def writer_status(self) -> WriterStatus:
        """The last report of the writer: how much is recorded."""
        return WriterStatus() if self._writer is None else self._writer.status

    def start(self, writer: WriterProcess) -> WriterStatus:
        """Start to record; return the first report. Raises WriterError if it has an error."""
        status = writer.wait_until_open()
        writer.on_failure = self._fail
        self._start_seconds = self._clock() - status.elapsed
        self._last_exchange, self._last_client = status.last_exchange, status.last_client
        self._writer = writer
        self._leaders.activate()
        return status

    def running(self) -> None:
        """Start to record if an option names a cassette and `start` was not called."""
        if self._writer is not None or not ctx.options.mesotape_cassette:
            return
        # Addons do not see the failure of an eager connection, and quiet streams are not dead.
        options: Any = ctx.options
        options.update(connection_strategy="lazy", tcp_timeout=10**9)
        config = WriterConfig(
            path=str(Path(ctx.options.mesotape_cassette).expanduser()),
            existing=ctx.options.mesotape_existing,
            server=selected_server(),
            upstream=" ".join(ctx.options.mode),
        )
        try:
            self.start(WriterProcess(config))
        except WriterExistsError as error:
            logger.error("mesotape: %s, or set mesotape_existing to overwrite or append", error)
        except WriterError as error:
            logger.error("mesotape: %s", error)

    @command.command("mesotape.status")
    def status(self) -> str:
        """Report what is recorded so far."""
        if self._writer is None:
            return "not recording"
        counts = self.writer_status
        text = f"{counts.exchanges} exchanges, {counts.events} events in {self._writer.path}"
        return f"{text}; {self.failure}" if self.failure is not None else text

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Start an exchange."""
        self._leaders.route_to_leader(flow)
        request, headers = flow.request, header_fields(flow.request)
        path = request.data.path.decode("latin-1")
        if not self._is_recorded(path, headers):
            return
        if flow.error is not None:
            self._add_note(0, f"a request was refused by the proxy: {flow.error.msg}")
            return
        client = flow.client_conn
        self._last_exchange += 1
        number = self._last_exchange
        if client.id not in self._client_numbers:
            self._last_client += 1
            self._client_numbers[client.id] = self._last_client
        head = RequestHead(
            exchange=number,
            at_seconds=self._now(),
            client=self._client_numbers[client.id],
            peer=f"{client.peername[0]}:{client.peername[1]}" if client.peername else None,
            method=request.data.method.decode("latin-1"),
            path=path,
            version=request.data.http_version.decode("latin-1"),
            headers=headers,
        )
        self._exchanges[flow.id] = _ProxiedExchange(number, client.id)
        if flow.response is None and _is_streamed(headers):
            request.stream = self._tap(number, "client")
        self._send(head)

    def request(self, flow: http.HTTPFlow) -> None:
        """End the request, after its body if that was not streamed."""
        if (exchange := self._exchanges.get(flow.id)) is None:
            return
        if not flow.request.stream and flow.request.raw_content:
            self._send(BodyData(exchange.number, self._now(), "client", flow.request.raw_content))
        exchange.is_request_open = False
        self._send(RequestEnd(exchange.number, self._now()))
        if not exchange.is_response_open:
            self._end(flow.id, "server")

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Record the head of the response, and stream its body."""
        response, exchange = flow.response, self._exchanges.get(flow.id)
        if response is None or self._writer is None:
            return
        response.stream = True if exchange is None else self._tap(exchange.number, "server")
        if exchange is not None:
            head = ResponseHead(
                exchange.number,
                self._now(),
                response.status_code,
                response.data.reason.decode("latin-1"),
                header_fields(response),
            )
            self._send(head)
        self._leaders.rewrite_location(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        """End the response, and the exchange unless a streamed request goes on."""
        if (exchange := self._exchanges.get(flow.id)) is not None:
            exchange.is_response_open = False
            if not exchange.is_request_open:
                self._end(flow.id, "server")

    def error(self, flow: http.HTTPFlow) -> None:
        """End an exchange that broke off."""
        self._leaders.forget_unreachable_leader(flow)
        if (exchange := self._exchanges.get(flow.id)) is None:
            return
        message = flow.error.msg if flow.error is not None else "unknown"
        cause = _end_cause(flow, message)
        if cause == "server-cut" and is_connect_failure(flow):
            self._add_note(exchange.number, f"the upstream could not be reached: {message}")
        self._end(flow.id, cause)

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Name the upstream in the TLS handshake with it."""
        self._leaders.set_upstream_sni(data)

    def client_disconnected(self, client: Client) -> None:
        """End what no other hook ended, as after a response to an incomplete request."""
        for flow_id, exchange in list(self._exchanges.items()):
            if exchange.client_id == client.id:
                self._end(flow_id, "client" if exchange.is_response_open else "server")
        self._client_numbers.pop(client.id, None)

    def stop(self) -> None:
        """End the recording: open exchanges are ended as stopped, and later hooks do nothing."""
        if self._writer is not None and not self._is_stopped:
            self._send(RecordingStopped(0, self._now()))
            self._is_stopped = True
            self._exchanges.clear()

    async def done(self) -> None:
        """Stop, and wait until all is written."""
        self.stop()
        if self._writer is not None:
            await self._writer.close()

    def _is_recorded(self, path: str, headers: HeaderFields) -> bool:
        if self._writer is None or self._is_stopped or endpoints.is_actor_message(headers):
            return False
        if not ctx.options.mesotape_only_v1:
            return True
        return endpoints.find_api(path, selected_server()) is not None

    def _tap(self, number: int, side: Side) -> Callable[[bytes], bytes]:
        send, now = self._send, self._now

        def tap(data: bytes) -> bytes:
            if data:
                send(BodyData(number, now(), side, data))
            return data

        return tap

    def _now(self) -> float:
        return self._clock() - self._start_seconds

    def _send(self, observation: AnyObservation) -> None:
        if self._writer is not None and not self._is_stopped:
            self._writer.send(observation)

    def _report(self, text: str) -> None:
        """Log a text, and add it to the cassette as a note."""
        logger.warning("mesotape: %s", text)
        self._add_note(0, text)

    def _add_note(self, exchange: int, text: str) -> None:
        self._send(RecorderNote(exchange, self._now(), text))

    def _end(self, flow_id: str, cause: EndCause) -> None:
        self._send(ExchangeEnd(self._exchanges.pop(flow_id).number, self._now(), cause))

    def _fail(self, text: str) -> None:
        self.failure = text
        fails_closed: bool = ctx.options.mesotape_fail_closed
        effect = "the proxy ends" if fails_closed else "the traffic goes on unrecorded"
        logger.error("mesotape: %s; %s", text, effect)
        if fails_closed:
            ctx.master.shutdown()


class _ProxiedExchange:
    def __init__(self, number: int, client_id: str) -> None:
        self.number, self.client_id = number, client_id
        self.is_request_open = self.is_response_open = True


def _is_streamed(headers: HeaderFields) -> bool:
    """Return whether a request may be a stream, by its head."""
    values = last_header_values(headers)
    return "transfer-encoding" in values or values.get("content-type") == RECORDIO


def _end_cause(flow: http.HTTPFlow, message: str) -> EndCause:
    """Return which side broke off. A client that leaves closes both, so it is checked first."""
    if "illegal chunk" in message or "malformed" in message.lower():
        return "malformed"
    if not flow.client_conn.state & ConnectionState.CAN_READ:
        return "client"
    return "server-cut"
