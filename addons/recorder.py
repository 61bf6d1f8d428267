"""The recorder: an addon that tells a writer process all that passes, and changes nothing of it.

Every body is tapped and passed on the moment it comes, whether it is a stream or not, because what
mitmproxy is not told to stream it holds back until it is complete. The taps return what they got
and never raise: mitmproxy would lose the piece for the client.

Nothing in here waits, but for the start and `done`.
"""

import logging
import time
from collections.abc import Callable, Iterable
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
from ..proto.api.apis import ServerKind
from ..proto.api.negotiation import RECORDIO
from .leader_redirect import LeaderRedirect, is_connect_failure
from .writer_process import WriterConfig, WriterError, WriterProcess, WriterStatus

logger = logging.getLogger(__name__)

_EXISTING = ["refuse", "overwrite", "append"]
_SERVERS = ["master", "agent"]


class Recorder:
    """Records into one cassette, from the start of its writer until `done`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.failure: str | None = None
        self._clock = clock
        self._began = 0.0
        self._writer: WriterProcess | None = None
        self._stopped = False
        self._live: dict[str, _Live] = {}
        self._clients: dict[str, int] = {}
        self._last_exchange = self._last_client = 0
        self._leaders = LeaderRedirect(self._say)

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
        loader.add_option(
            "mesotape_server",
            str,
            "master",
            "What is being recorded: it decides the schema of /api/v1.",
            choices=_SERVERS,
        )
        loader.add_option("mesotape_only_v1", bool, False, "Leave out all but the v1 APIs.")
        loader.add_option(
            "mesotape_fail_closed", bool, False, "End the proxy if recording has to stop."
        )

    def configure(self, updated: set[str]) -> None:
        """Check the options; mitmproxy takes `choices` for mere advice. Raises OptionsError."""
        for name, choices in (("mesotape_existing", _EXISTING), ("mesotape_server", _SERVERS)):
            if name in updated and (chosen := getattr(ctx.options, name)) not in choices:
                text = f"{name} is {chosen!r}, expected {' or '.join(choices)}"
                raise exceptions.OptionsError(text)

    @property
    def writer_status(self) -> WriterStatus:
        """What has been recorded so far."""
        return WriterStatus() if self._writer is None else self._writer.status

    def start(self, writer: WriterProcess) -> WriterStatus:
        """Begin to record; raises WriterError if the cassette cannot be written."""
        status = writer.wait_until_open()
        writer.on_failure = self._fail
        self._began = self._clock() - status.elapsed
        self._last_exchange, self._last_client = status.last_exchange, status.last_client
        self._writer = writer
        self._leaders.activate()
        return status

    def running(self) -> None:
        """Begin to record by options, where nobody else has started a writer."""
        if self._writer is not None or not ctx.options.mesotape_cassette:
            return
        # An eager connection to a dead upstream is never seen by an addon, and a quiet stream is
        # not a dead one.
        options: Any = ctx.options
        options.update(connection_strategy="lazy", tcp_timeout=10**9)
        start = WriterConfig(
            path=str(Path(ctx.options.mesotape_cassette).expanduser()),
            existing=ctx.options.mesotape_existing,
            server=ctx.options.mesotape_server,
            upstream=" ".join(ctx.options.mode),
        )
        try:
            self.start(WriterProcess(start))
        except WriterError as error:
            logger.error("mesotape: %s", error)

    @command.command("mesotape.status")
    def status(self) -> str:
        """Say what has been recorded so far."""
        if self._writer is None:
            return "not recording"
        counts = self.writer_status
        said = f"{counts.exchanges} exchanges, {counts.events} events in {self._writer.path}"
        return f"{said}; {self.failure}" if self.failure is not None else said

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Begin an exchange."""
        self._leaders.route_to_leader(flow)
        request, headers = flow.request, _pairs(flow.request.headers)
        path = request.data.path.decode("latin-1")
        if not self._wanted(path, headers):
            return
        if flow.error is not None:
            self._remark(0, f"a request was refused by the proxy: {flow.error.msg}")
            return
        client = flow.client_conn
        self._last_exchange += 1
        number = self._last_exchange
        if client.id not in self._clients:
            self._last_client += 1
            self._clients[client.id] = self._last_client
        head = RequestHead(
            exchange=number,
            at_seconds=self._now(),
            client=self._clients[client.id],
            peer=f"{client.peername[0]}:{client.peername[1]}" if client.peername else None,
            method=request.data.method.decode("latin-1"),
            path=path,
            version=request.data.http_version.decode("latin-1"),
            headers=headers,
        )
        self._live[flow.id] = _Live(number, client.id)
        if flow.response is None and _is_streamed(headers):
            request.stream = self._tap(number, "client")
        self._send(head)

    def request(self, flow: http.HTTPFlow) -> None:
        """End the request; its body is here if it was not streamed."""
        if (live := self._live.get(flow.id)) is None:
            return
        if not flow.request.stream and flow.request.raw_content:
            self._send(BodyData(live.number, self._now(), "client", flow.request.raw_content))
        live.request_open = False
        self._send(RequestEnd(live.number, self._now()))
        if not live.response_open:
            self._end(flow.id, "server")

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Tap the response, and tell its head."""
        response, live = flow.response, self._live.get(flow.id)
        if response is None or self._writer is None:
            return
        response.stream = True if live is None else self._tap(live.number, "server")
        if live is not None:
            reason, headers = response.data.reason.decode("latin-1"), _pairs(response.headers)
            at = self._now()
            self._send(ResponseHead(live.number, at, response.status_code, reason, headers))
        self._leaders.rewrite_location(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        """End the response; the exchange ends with it unless the request goes on."""
        if (live := self._live.get(flow.id)) is not None:
            live.response_open = False
            if not live.request_open:
                self._end(flow.id, "server")

    def error(self, flow: http.HTTPFlow) -> None:
        """End an exchange that was broken off."""
        self._leaders.forget_unreachable_leader(flow)
        if (live := self._live.get(flow.id)) is None:
            return
        message = flow.error.msg if flow.error is not None else "unknown"
        cause = _cause(flow, message)
        if cause == "server-cut" and is_connect_failure(flow):
            self._remark(live.number, f"the upstream could not be reached: {message}")
        self._end(flow.id, cause)

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Greet an upstream."""
        self._leaders.set_upstream_sni(data)

    def client_disconnected(self, client: Client) -> None:
        """End what nothing else ended: after an early answer there is no other hook."""
        for flow_id, live in list(self._live.items()):
            if live.client == client.id:
                self._end(flow_id, "client" if live.response_open else "server")
        self._clients.pop(client.id, None)

    def stop(self) -> None:
        """End the recording now: what is open is ended as stopped, and later hooks are ignored."""
        if self._writer is not None and not self._stopped:
            self._send(RecordingStopped(0, self._now()))
            self._stopped = True
            self._live.clear()

    async def done(self) -> None:
        """Stop, and wait until all is on disk."""
        self.stop()
        if self._writer is not None:
            await self._writer.close()

    def _wanted(self, path: str, headers: HeaderFields) -> bool:
        if self._writer is None or self._stopped or endpoints.is_actor_message(headers):
            return False
        server: ServerKind = ctx.options.mesotape_server
        return not ctx.options.mesotape_only_v1 or endpoints.find_api(path, server) is not None

    def _tap(self, number: int, side: Side) -> Callable[[bytes], bytes]:
        send, now = self._send, self._now

        def tap(data: bytes) -> bytes:
            if data:
                send(BodyData(number, now(), side, data))
            return data

        return tap

    def _now(self) -> float:
        return self._clock() - self._began

    def _send(self, fact: AnyObservation) -> None:
        if self._writer is not None and not self._stopped:
            self._writer.send(fact)

    def _say(self, text: str) -> None:
        """Tell people, also those who read the cassette."""
        logger.warning("mesotape: %s", text)
        self._remark(0, text)

    def _remark(self, exchange: int, text: str) -> None:
        self._send(RecorderNote(exchange, self._now(), text))

    def _end(self, flow_id: str, cause: EndCause) -> None:
        self._send(ExchangeEnd(self._live.pop(flow_id).number, self._now(), cause))

    def _fail(self, text: str) -> None:
        self.failure = text
        closed: bool = ctx.options.mesotape_fail_closed
        then = "the proxy ends" if closed else "the traffic goes on unrecorded"
        logger.error("mesotape: %s; %s", text, then)
        if closed:
            ctx.master.shutdown()


class _Live:
    def __init__(self, number: int, client: str) -> None:
        self.number, self.client = number, client
        self.request_open = self.response_open = True


def _pairs(headers: http.Headers) -> HeaderFields:
    fields: Iterable[tuple[bytes, bytes]] = headers.fields
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]


def _is_streamed(headers: HeaderFields) -> bool:
    """Whether a request must pass as it comes, as far as its head can tell."""
    found = {name.lower(): value for name, value in headers}
    return "transfer-encoding" in found or found.get("content-type") == RECORDIO


def _cause(flow: http.HTTPFlow, message: str) -> EndCause:
    """Tell who broke it off; the client is asked first, because its leaving closes both sides."""
    if "illegal chunk" in message or "malformed" in message.lower():
        return "malformed"
    if not flow.client_conn.state & ConnectionState.CAN_READ:
        return "client"
    return "server-cut"
