"""What is wrong with a recording, reported on the log."""

import logging

from mitmproxy import ctx

logger = logging.getLogger(__name__)


class RecordingFailures:
    """Reports failures; `last` is the text of the last one, or None."""

    def __init__(self) -> None:
        self.last: str | None = None

    def stopped(self, text: str) -> None:
        """Report that nothing is recorded any more, or for a time."""
        self._fail(text, "the traffic goes on unrecorded")

    def incomplete(self, text: str) -> None:
        """Report that something is not recorded."""
        self._fail(text, "the traffic goes on")

    def resumed(self, text: str) -> None:
        """Report that recording goes on; it has failed nevertheless."""
        logger.warning("mesotape: %s", text)

    def wrong(self, text: str) -> None:
        """Report what is wrong while recording goes on."""
        self.last = text
        logger.error("mesotape: %s", text)

    def completed(self) -> None:
        """End the proxy, because all is recorded that was asked for."""
        ctx.master.shutdown()

    def _fail(self, text: str, effect: str) -> None:
        self.last = text
        fails_closed: bool = ctx.options.mesotape_fail_closed
        if fails_closed:
            ctx.master.shutdown()
        logger.error("mesotape: %s; %s", text, "the proxy ends" if fails_closed else effect)
