"""A cache from received bytes to the requests they contain.

Clients repeat themselves, and parsing is half of the work of a response. Bytes are cached when
they arrive for the second time, because some clients put a new id into each request.
"""

from .http1 import CompleteRequest, RequestEvent

_MAX_ENTRIES = 2048
_MAX_ENTRY_BYTES = 8 * 1024
"""Cached requests, and the longest of them: 16 MiB together at most."""

_MAX_HASHES = 1 << 15
"""Received bytes of which a hash is stored, to detect those that repeat."""


class RequestCache:
    """Whole requests by their bytes. Connections with equal limits can share one."""

    def __init__(self) -> None:
        self._events: dict[bytes, list[RequestEvent]] = {}
        self._hashes = set[int]()

    def get(self, data: bytes) -> list[RequestEvent] | None:
        """Return the requests in `data`, or None if it is not cached.

        Valid only for a connection on which no request has begun.
        """
        return self._events.get(data)

    def put(self, data: bytes, events: list[RequestEvent]) -> None:
        """Cache the requests in `data` if it repeats; a full cache is emptied first."""
        if len(data) > _MAX_ENTRY_BYTES:
            return
        if (digest := hash(data)) not in self._hashes:
            if len(self._hashes) >= _MAX_HASHES:
                self._hashes.clear()
            self._hashes.add(digest)
            return
        if not all(isinstance(event, CompleteRequest) and event.keep_alive for event in events):
            return
        if len(self._events) >= _MAX_ENTRIES:
            self._events.clear()
        self._events[data] = events
