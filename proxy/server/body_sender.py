"""Sends a body that stands in a cassette, block by block, while its client reads.

A block is read and written in each turn of the event loop, so other clients have theirs in between.
At most two blocks are in memory: the transport says that it is full after the first that it could
not hand to the kernel.
"""

import asyncio
from collections.abc import Callable

from ...cassettes.storage.stored_body import StoredBody
from ..streams.ports import ResponseWriter, guarded


class BodySender:
    """One body. `on_sent` is called after it; `on_failure` gets an error in the middle of it."""

    def __init__(
        self,
        writer: ResponseWriter,
        body: StoredBody,
        on_sent: Callable[[], object],
        on_failure: Callable[[Exception], object],
    ) -> None:
        self._writer = writer
        self._blocks = body.blocks()
        self._on_sent = on_sent
        self._on_failure = on_failure
        self._is_over = False
        self._waits_for_client = False

    @guarded
    def send_block(self) -> None:
        """Send the next block, and go on with those after it in later turns."""
        if self._is_over:
            return
        block = next(self._blocks, None)
        if block is None:
            self._is_over = True
            self._on_sent()
            return
        self._writer.write(block)
        self._waits_for_client = self._writer.is_full
        if not self._waits_for_client:
            asyncio.get_running_loop().call_soon(self.send_block)

    def resume(self) -> None:
        """Go on after the client has read."""
        if self._waits_for_client:
            self._waits_for_client = False
            self.send_block()

    def stop(self) -> None:
        """Send nothing more: the client has left."""
        self._is_over = True

    def fail(self, error: Exception) -> None:
        """Report an error in the middle of the body, which then is cut."""
        self._is_over = True
        self._on_failure(error)
