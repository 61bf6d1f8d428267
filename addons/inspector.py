"""The inspector: an addon that shows Mesos messages in the user interfaces of mitmproxy.

It adds two views, labels the flows in the list, and makes mitmproxy stream the bodies that Mesos
streams; by default mitmproxy holds a body back until it is complete. mitmproxy does not store
streamed bodies, so the inspector keeps a bounded tail of each as the content of its flow. The
traffic is not changed: the callbacks return the bytes that they got, and never raise.

It works alone, and together with a recorder, whose callbacks it wraps.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from mitmproxy import contentviews, ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client
from mitmproxy.hooks import UpdateHook

from .addon_options import add_server_option, selected_server
from .traffic.guard import Guard
from .traffic.streaming import stream_request, stream_response
from .views.body_type import BodyType, call_of, request_body_type, response_body_type
from .views.flow_label import EventCount, label_flow
from .views.kept_body import HeadBuffer, TailBuffer
from .views.message_view import MessageView
from .views.stream_view import StreamView

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 0.3
"""The shortest time between two updates of a flow in the user interfaces."""

DEFAULT_TAIL_BYTES = 256 * 1024
"""Bytes of a stream that are kept where there is a user interface."""

_MAX_HEAD_BYTES = 8 * 1024 * 1024
"""Bytes of any other body that are kept, if the recorder streams it."""

type _StreamCallback = Callable[[bytes], Iterable[bytes] | bytes] | bool


class Inspector:
    """Keeps the tail of each running stream as the content of its flow, where the views see it."""

    def __init__(self, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._refresh_seconds = refresh_seconds
        self._bodies: dict[str, list[_PassingBody]] = {}
        self._calls: dict[str, str] = {}  # by flow
        self._guard = guard = Guard(_report_error)
        self.requestheaders = guard.wrap(self._begin_request, otherwise=stream_request)
        self.responseheaders = guard.wrap(self._begin_response, otherwise=stream_response)
        self.request = guard.wrap(self._save_end)
        self.response = guard.wrap(self._save_end)  # A streamed request may still go on.
        self.error = guard.wrap(self._forget)
        self.client_disconnected = guard.wrap(self._forget_client)

    def load(self, loader: Loader) -> None:
        """Declare the options, and add the views."""
        add_server_option(loader)
        loader.add_option(
            "mesotape_view_tail",
            int | None,  # pyright: ignore[reportArgumentType]  # mitmproxy's own notation
            None,
            "Bytes of each stream that are kept for the views; 0 keeps none. "
            f"Default: {DEFAULT_TAIL_BYTES} in mitmproxy and mitmweb, 0 in mitmdump.",
        )
        loader.add_option(
            "mesotape_view_newest_first", bool, False, "Show the newest record of a stream first."
        )
        contentviews.add(MessageView(selected_server))
        contentviews.add(StreamView(selected_server, _is_newest_first))

    def running(self) -> None:
        """Show the labels in mitmweb, unless the user selected the columns of its list."""
        options: Any = ctx.options
        if "web_columns" in options and not options.has_changed("web_columns"):
            columns = [name for name in options.web_columns if name != "comment"]
            columns.insert(columns.index("path") + 1, "comment")
            options.update(web_columns=columns)

    def configure(self, updated: set[str]) -> None:
        """Check the options. Raises OptionsError."""
        tail: int | None = ctx.options.mesotape_view_tail
        if "mesotape_view_tail" in updated and tail is not None and tail < 0:
            raise exceptions.OptionsError(f"mesotape_view_tail is {tail}, expected 0 or more bytes")

    def _begin_request(self, flow: http.HTTPFlow) -> None:
        """Stream a request that Mesos streams."""
        request = flow.request
        if flow.response is not None or flow.error is not None:
            return
        if request.stream and not _tail_bytes():
            return
        stream_type = _if_stream(request_body_type(request, selected_server()))
        if stream_type is not None and not request.stream:
            request.stream = True
        if stream_type is not None or callable(request.stream):
            self._watch(flow, request, "request", stream_type)

    def _begin_response(self, flow: http.HTTPFlow) -> None:
        """Stream a response that Mesos streams. One made by another addon already has its body."""
        response = flow.response
        if response is None or response.raw_content is not None:
            return
        if response.stream and not _tail_bytes():
            return
        stream_type = self._response_stream_type(flow, response)
        if stream_type is not None and not response.stream:
            response.stream = True
        if stream_type is not None or callable(response.stream):
            self._watch(flow, response, "response", stream_type)

    def _forget_client(self, client: Client) -> None:
        """Save and forget the flows of a client for which mitmproxy called no other hook."""
        for bodies in list(self._bodies.values()):
            if bodies[0].flow.client_conn.id == client.id:
                self._forget(bodies[0].flow)

    def done(self) -> None:
        """Save and forget all flows."""
        for bodies in list(self._bodies.values()):
            self._forget(bodies[0].flow)

    def _response_stream_type(
        self, flow: http.HTTPFlow, response: http.Response
    ) -> BodyType | None:
        if "content-length" in response.headers:
            return None
        self._save(flow)  # The type of the response depends on the request's body.
        return _if_stream(response_body_type(flow, selected_server()))

    def _watch(
        self, flow: http.HTTPFlow, message: http.Message, side: str, stream_type: BodyType | None
    ) -> None:
        """Wrap the callback of a streamed body, to keep a part of the body."""
        if (limit := _tail_bytes()) == 0:
            return
        buffer = HeadBuffer(_MAX_HEAD_BYTES) if stream_type is None else TailBuffer(limit)
        count = None if stream_type is None else EventCount(stream_type)
        body = _PassingBody(flow, message, side, buffer, count)
        self._bodies.setdefault(flow.id, []).append(body)
        body.save_to_flow()
        callback: _StreamCallback = message.stream

        def tap(data: bytes) -> Iterable[bytes] | bytes:
            try:
                self._keep(body, data)
            except Exception as error:
                self._guard.catch(error)
            return callback(data) if callable(callback) else data

        message.stream = tap

    def _keep(self, body: "_PassingBody", data: bytes) -> None:
        """Keep the next bytes; empty bytes are the end of the body."""
        body.buffer.feed(data)
        if body.count is not None:
            body.count.feed(data)
        if not data:
            body.cancel_refresh()
            body.save_to_flow()
        elif body.timer is None:
            loop = asyncio.get_running_loop()
            refresh = self._guard.wrap(self._refresh)
            body.timer = loop.call_later(self._refresh_seconds, refresh, body.flow)

    def _refresh(self, flow: http.HTTPFlow) -> None:
        """Save a flow, and update the user interfaces that show it."""
        self._save(flow)
        ctx.master.addons.trigger(UpdateHook([flow]))

    def _save(self, flow: http.HTTPFlow) -> None:
        bodies = self._bodies.get(flow.id, [])
        for body in bodies:
            body.cancel_refresh()
            body.save_to_flow()
        if _tail_bytes() and (call := self._call(flow)) is not None:
            counts = [one.count for one in bodies if one.count is not None]
            label_flow(flow, call, counts)

    def _call(self, flow: http.HTTPFlow) -> str | None:
        """Return the name of the call of a flow, which is looked for until it is known."""
        if (name := self._calls.get(flow.id)) is None:
            call = call_of(flow.request, selected_server())
            if call is None:
                return None
            name = self._calls[flow.id] = call.name
        return name

    def _save_end(self, flow: http.HTTPFlow) -> None:
        self._save(flow)
        messages = (flow.request, flow.response)
        if all(one is not None and one.timestamp_end is not None for one in messages):
            self._forget(flow)

    def _forget(self, flow: http.HTTPFlow) -> None:
        self._save(flow)
        self._bodies.pop(flow.id, None)
        self._calls.pop(flow.id, None)


class _PassingBody:
    """One body of a flow while it passes, and the timer of the next update, if there is one."""

    def __init__(
        self,
        flow: http.HTTPFlow,
        message: http.Message,
        side: str,
        buffer: TailBuffer | HeadBuffer,
        count: EventCount | None,
    ) -> None:
        self.flow, self.buffer, self.count = flow, buffer, count
        self.timer: asyncio.TimerHandle | None = None
        self._message, self._side = message, side

    def cancel_refresh(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def save_to_flow(self) -> None:
        """Make the kept bytes the content of the flow."""
        self._message.data.content, kept = self.buffer.snapshot()
        kept.save_to_flow(self.flow, self._side)


def _if_stream(body_type: BodyType | None) -> BodyType | None:
    return body_type if body_type is not None and body_type.is_stream else None


def _report_error(place: str) -> None:
    logger.error("mesotape: a view failed: %s; the traffic goes on", place)


def _is_newest_first() -> bool:
    return ctx.options.mesotape_view_newest_first


def _tail_bytes() -> int:
    tail: int | None = ctx.options.mesotape_view_tail
    if tail is not None:
        return tail
    # Both user interfaces have a view of the flows, and mitmdump has none.
    return DEFAULT_TAIL_BYTES if hasattr(ctx.master, "view") else 0
