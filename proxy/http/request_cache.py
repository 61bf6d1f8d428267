"""Bytes that were whole requests before, so that the same bytes are not parsed again.

Clients repeat themselves, and parsing is half of the work of an answer. What comes for the second
time is kept: some clients put a new id into each request.
"""

from .http1 import CompleteRequest, RequestEvent

_KNOWN = 2048
_KNOWN_BYTES = 8 * 1024
"""Requests that are remembered, and the longest of them: 16 MiB together at most."""

_SEEN = 1 << 15
"""Requests of which a hash is remembered, to tell which come again."""


class RequestCache:
    """What bytes were, if they were whole requests. It may be shared by connections."""

    def __init__(self) -> None:
        self._requests: dict[bytes, list[RequestEvent]] = {}
        self._seen = set[int]()

    def get(self, data: bytes) -> list[RequestEvent] | None:
        """Give the requests that `data` was, if it came to an idle connection before."""
        return self._requests.get(data)

    def put(self, data: bytes, items: list[RequestEvent]) -> None:
        """Remember what `data` was; when there are too many, all are forgotten."""
        if len(data) > _KNOWN_BYTES:
            return
        if (seen := hash(data)) not in self._seen:
            if len(self._seen) >= _SEEN:
                self._seen.clear()
            self._seen.add(seen)
            return
        if not all(isinstance(item, CompleteRequest) and item.keep_alive for item in items):
            return
        if len(self._requests) >= _KNOWN:
            self._requests.clear()
        self._requests[data] = items
