"""Finds the recorded exchange that a request belongs to.

A request is known by what passes a proxy unchanged: method, path, headers, body. Equal ones are
taken in recorded order, but a connection goes on with the recorded connection that it began with,
if that has such a request.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from urllib.parse import urlsplit

from .capture import Exchange, Headers, Request
from .http1 import Message

REWRITTEN = {"host", "expect", "content-length", "transfer-encoding"}

type Head = tuple[str, str, Headers]


class Ledger:
    """The exchanges of a capture that no request has claimed yet, in recorded order."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._by_head: dict[Head, list[Exchange]] = {}
        self._broken: list[Exchange] = []
        self._next: dict[int, deque[int]] = defaultdict(deque)  # the indices left, by connection
        for each in exchanges:
            self._shelf(each.request.broken, _head(each.request)).append(each)
            self._next[each.connection].append(each.index)

    def claim(self, message: Message, began_with: int | None, ended: bool) -> Exchange | None:
        """Return the exchange of a request, or None.

        Until a request is whole, its body need only begin like the recorded one.
        began_with: the recorded connection of the requests before it. ended: nothing will follow.
        """
        shelf = self._shelf(message.broken, head_of(message))
        fitting = [
            each
            for each in shelf
            if each.index == self._next[each.connection][0] and _fits(each.request, message, ended)
        ]
        if not fitting:
            return None
        found = next((each for each in fitting if each.connection == began_with), fitting[0])
        shelf.remove(found)
        self._next[found.connection].popleft()
        return found

    def _shelf(self, broken: str, head: Head) -> list[Exchange]:
        return self._broken if broken else self._by_head.setdefault(head, [])


def head_of(message: Message) -> Head:
    method, target, _ = message.words
    return _key(method, target, message.headers)


def _head(request: Request) -> Head:
    return _key(request.method, request.target, request.headers)


def _key(method: str, target: str, headers: Headers) -> Head:
    if "://" in target:  # the absolute form, which a proxy resolves
        parts = urlsplit(target)
        target = parts.path + ("?" + parts.query if parts.query else "")
    kept = ((name.lower(), value) for name, value in headers)
    return method, target, tuple(each for each in kept if each[0] not in REWRITTEN)


def _fits(request: Request, message: Message, ended: bool) -> bool:
    if message.broken:
        return request.raw == message.raw
    if message.complete:
        return request.complete and request.raw_body == message.body
    if ended:
        return not request.complete and request.raw_body == message.body
    begun = message.framing == "chunked" and bool(message.body)
    return begun and request.raw_body.startswith(message.body)
