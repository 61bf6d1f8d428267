"""The inspector: an addon that makes mitmproxy's user interfaces show what Mesos says.

It brings two views, and lets streams pass as they come, which mitmproxy by itself would hold back
for ever. What passes is nowhere to be seen in mitmproxy, so a bounded tail of each stream is kept
as the content of its flow. The wire is not touched: the taps return what they got and never raise.

It works alone, and behind a recorder, whose taps it wraps.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

from mitmproxy import contentviews, ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client
from mitmproxy.hooks import UpdateHook

from ..proto.api.apis import ServerKind
from . import body_type
from .kept_body import HeadBuffer, TailBuffer
from .message_view import MessageView
from .stream_view import StreamView

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 0.3
"""How long user interfaces wait for more before they are told of what has passed."""

DEFAULT_TAIL_BYTES = 256 * 1024
"""Bytes of a stream that are kept where somebody can look at them."""

WHOLE = 8 * 1024 * 1024
"""Bytes of any other body that are kept, if the recorder lets it pass."""

type _StreamCallback = Callable[[bytes], Iterable[bytes] | bytes] | bool


class Inspector:
    """Keeps the end of each running stream where the views see it."""

    def __init__(self, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._refresh_seconds = refresh_seconds
        self._watched: dict[str, list[_Watch]] = {}

    def load(self, loader: Loader) -> None:
        """Declare the options, and bring the views."""
        # The same as the recorder's: mitmproxy takes both for one.
        loader.add_option(
            "mesotape_server",
            str,
            "master",
            "What is being recorded: it decides the schema of /api/v1.",
            choices=["master", "agent"],
        )
        loader.add_option(
            "mesotape_view_tail",
            int | None,  # pyright: ignore[reportArgumentType]  # mitmproxy's own way to say it
            None,
            "Keep so many bytes of each stream for the views, 0 for none. "
            f"Unset, it is {DEFAULT_TAIL_BYTES} in mitmproxy and mitmweb, and 0 in mitmdump.",
        )
        loader.add_option(
            "mesotape_view_newest_first", bool, False, "Show the newest record of a stream first."
        )
        contentviews.add(MessageView(_server))
        contentviews.add(StreamView(_server, _newest_first))

    def configure(self, updated: set[str]) -> None:
        """Refuse what makes no sense."""
        tail: int | None = ctx.options.mesotape_view_tail
        if "mesotape_view_tail" in updated and tail is not None and tail < 0:
            raise exceptions.OptionsError(f"mesotape_view_tail is {tail}, expected 0 or more bytes")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Let a streamed request pass as it comes."""
        request = flow.request
        if flow.response is not None or flow.error is not None:
            return
        if request.stream and not _tail():
            return
        subject = body_type.request_body_type(request, _server())
        stream = subject is not None and subject.is_stream
        if stream and not request.stream:
            request.stream = True
        if stream or callable(request.stream):
            self._watch(flow, request, "request", stream=stream)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let a stream pass as it comes; what has a body already was made by another addon."""
        response = flow.response
        if response is None or response.raw_content is not None:
            return
        if response.stream and not _tail():
            return
        stream = self._is_stream(flow, response)
        if stream and not response.stream:
            response.stream = True
        if stream or callable(response.stream):
            self._watch(flow, response, "response", stream=stream)

    def request(self, flow: http.HTTPFlow) -> None:
        """Show the end of a streamed request."""
        self._end(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        """Show the end; a streamed request may go on behind it."""
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        """Show how far it came."""
        self._finish(flow)

    def client_disconnected(self, client: Client) -> None:
        """Forget what nothing else ended."""
        for watches in list(self._watched.values()):
            if watches[0].flow.client_conn.id == client.id:
                self._finish(watches[0].flow)

    def done(self) -> None:
        """Stop refreshing."""
        for watches in list(self._watched.values()):
            self._finish(watches[0].flow)

    def _is_stream(self, flow: http.HTTPFlow, response: http.Response) -> bool:
        if "content-length" in response.headers:
            return False
        self._keep(flow)  # A call that is let pass as it comes tells what this answers.
        subject = body_type.response_body_type(flow, _server())
        return subject is not None and subject.is_stream

    def _watch(
        self, flow: http.HTTPFlow, message: http.Message, side: str, *, stream: bool
    ) -> None:
        if (limit := _tail()) == 0:
            return
        watch = _Watch(flow, message, side, TailBuffer(limit) if stream else HeadBuffer(WHOLE))
        self._watched.setdefault(flow.id, []).append(watch)
        watch.keep()
        passed_on: _StreamCallback = message.stream

        def tap(data: bytes) -> Iterable[bytes] | bytes:
            try:
                self._passed(watch, data)
            except Exception:
                logger.exception("mesotape: a view lost sight of %s", flow.request.path)
            return passed_on(data) if callable(passed_on) else data

        message.stream = tap

    def _passed(self, watch: "_Watch", data: bytes) -> None:
        watch.part.feed(data)
        if not data:
            watch.keep()
        elif watch.timer is None:
            loop = asyncio.get_running_loop()
            watch.timer = loop.call_later(self._refresh_seconds, self._refresh, watch.flow)

    def _refresh(self, flow: http.HTTPFlow) -> None:
        """Put what passed into the flow, and tell whoever shows it."""
        self._keep(flow)
        ctx.master.addons.trigger(UpdateHook([flow]))

    def _keep(self, flow: http.HTTPFlow) -> None:
        for watch in self._watched.get(flow.id, ()):
            watch.keep()

    def _end(self, flow: http.HTTPFlow) -> None:
        self._keep(flow)
        sides = (flow.request, flow.response)
        if all(side is not None and side.timestamp_end is not None for side in sides):
            self._finish(flow)

    def _finish(self, flow: http.HTTPFlow) -> None:
        for watch in self._watched.pop(flow.id, ()):
            watch.keep()


class _Watch:
    """One body of a flow while it passes."""

    def __init__(
        self, flow: http.HTTPFlow, message: http.Message, side: str, part: TailBuffer | HeadBuffer
    ) -> None:
        self.flow, self.part = flow, part
        self.timer: asyncio.TimerHandle | None = None
        self._message, self._side = message, side

    def keep(self) -> None:
        """Put what passed into the flow."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self._message.data.content, part = self.part.snapshot()
        part.save_to_flow(self.flow, self._side)


def _server() -> ServerKind:
    return ctx.options.mesotape_server


def _newest_first() -> bool:
    return ctx.options.mesotape_view_newest_first


def _tail() -> int:
    chosen: int | None = ctx.options.mesotape_view_tail
    if chosen is not None:
        return chosen
    # Both user interfaces have a view of the flows, and mitmdump has none.
    return DEFAULT_TAIL_BYTES if hasattr(ctx.master, "view") else 0
