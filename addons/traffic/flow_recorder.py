"""The flows that are recorded, and what each hook of mitmproxy does with them."""

import asyncio
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.connection import Client

from ...cassettes.recording.observations import RequestHead
from ...proto.http.address import Address
from .messages import header_fields
from .proxied_exchange import ExchangeContext, ProxiedExchange
from .proxy_answers import ProxyAnswer, is_killed


class FlowRecorder:
    """Records flows, from `begin_request` on; the other methods do nothing for other flows.

    `on_answer` is called with what a client got from the proxy in place of the upstream's answer.
    """

    def __init__(self, context: ExchangeContext, on_answer: Callable[[ProxyAnswer], None]) -> None:
        self._context, self._on_answer = context, on_answer
        self._exchanges: dict[str, ProxiedExchange] = {}
        self._client_numbers: dict[str, int] = {}
        self._last_exchange = self._last_client = 0
        self._tasks = set[asyncio.Task[None]]()

    def __contains__(self, flow: http.HTTPFlow) -> bool:
        return flow.id in self._exchanges

    def continue_numbers(self, last_exchange: int, last_client: int) -> None:
        """Number exchanges and clients after those that are in the cassette already."""
        self._last_exchange, self._last_client = last_exchange, last_client

    def open_exchanges(self) -> list[int]:
        """Return the numbers of the exchanges that have not ended."""
        return [exchange.number for exchange in self._exchanges.values()]

    def begin_request(self, flow: http.HTTPFlow) -> None:
        """Start an exchange; before other addons."""
        request = flow.request
        client = flow.client_conn
        self._last_exchange += 1
        number = self._last_exchange
        if client.id not in self._client_numbers:
            self._last_client += 1
            self._client_numbers[client.id] = self._last_client
        head = RequestHead(
            exchange=number,
            at_seconds=self._context.now(),
            client=self._client_numbers[client.id],
            peer=str(Address(*client.peername[:2])) if client.peername else None,
            method=request.data.method.decode("latin-1"),
            path=request.data.path.decode("latin-1"),
            version=request.data.http_version.decode("latin-1"),
            headers=header_fields(request),
        )
        self._exchanges[flow.id] = ProxiedExchange(number, client.id, request, self._context)
        self._context.send(head)

    def finish_request_head(self, flow: http.HTTPFlow) -> None:
        """Observe a streamed request; after other addons."""
        exchange = self._exchanges.get(flow.id)
        if exchange is not None and flow.response is None:
            exchange.tap_request(flow.request)

    def end_request(self, flow: http.HTTPFlow) -> None:
        """End the request; before other addons."""
        if (exchange := self._exchanges.get(flow.id)) is not None:
            exchange.end_request(flow.request)
            if not exchange.is_response_open:
                self._end(flow)

    def begin_response(self, flow: http.HTTPFlow) -> None:
        """Look at the head of the response; before other addons."""
        if (exchange := self._exchanges.get(flow.id)) is not None:
            exchange.begin_response(flow)

    def finish_response_head(self, flow: http.HTTPFlow) -> None:
        """Observe a streamed response; after other addons."""
        exchange = self._exchanges.get(flow.id)
        if exchange is not None and flow.error is None:
            exchange.tap_response(flow)

    def keep_response(self, flow: http.HTTPFlow) -> None:
        """Look at the complete response; before other addons."""
        exchange = self._exchanges.get(flow.id)
        if exchange is not None and flow.response is not None:
            exchange.keep_response(flow.response)

    def finish_response(self, flow: http.HTTPFlow) -> None:
        """End the response; after other addons, and after a user who intercepted it."""
        if not flow.intercepted:
            self._end_response(flow)
            return
        task = asyncio.create_task(self._end_intercepted_response(flow))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def break_off(self, flow: http.HTTPFlow) -> None:
        """End an exchange that broke off; after other addons."""
        exchange = self._exchanges.pop(flow.id, None)
        if exchange is not None and (answer := exchange.break_off(flow)) is not None:
            self._on_answer(answer)

    def client_disconnected(self, client: Client) -> None:
        """End what no other hook ended, as after a response to an incomplete request."""
        for flow_id, exchange in list(self._exchanges.items()):
            if exchange.client_id == client.id:
                del self._exchanges[flow_id]
                exchange.end("client" if exchange.is_response_open else "server")
        self._client_numbers.pop(client.id, None)

    def stop(self) -> None:
        """Forget all flows; those that are open get no end here."""
        for exchange in self._exchanges.values():
            exchange.note_held_response()
        self._exchanges.clear()

    async def _end_intercepted_response(self, flow: http.HTTPFlow) -> None:
        await flow.wait_for_resume()
        self._context.guard.wrap(self._end_response)(flow)

    def _end_response(self, flow: http.HTTPFlow) -> None:
        if (exchange := self._exchanges.get(flow.id)) is None:
            return
        if is_killed(flow):  # mitmproxy does not call the hook `error` then.
            self.break_off(flow)
            return
        exchange.end_response(flow)
        if not exchange.is_request_open:
            self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.pop(flow.id)
        exchange.note_unrecorded_parts(flow)
        exchange.end("server")
