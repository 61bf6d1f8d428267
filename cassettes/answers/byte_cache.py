"""A cache that is bounded by bytes."""

from collections import OrderedDict
from collections.abc import Hashable


class ByteCache[K: Hashable, V]:
    """Values by key, together at most `max_bytes`; the least recently used are dropped first.

    A value of more than `max_value_bytes` is not stored: it would drop too many others.
    """

    def __init__(self, max_bytes: int, max_value_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._max_value_bytes = max_value_bytes
        self._entries = OrderedDict[K, tuple[V, int]]()
        self._bytes = 0

    def get(self, key: K) -> V | None:
        """Return a value, or None if it is not stored."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Store a value, unless it is too large. It replaces an older one of this key."""
        if size_bytes > self._max_value_bytes:
            return
        _, replaced_bytes = self._entries.pop(key, (None, 0))
        self._entries[key] = value, size_bytes
        self._bytes += size_bytes - replaced_bytes
        while self._bytes > self._max_bytes:
            _, (_, dropped_bytes) = self._entries.popitem(last=False)
            self._bytes -= dropped_bytes
