r"""Secrets that are split over the events of a stream: output of containers, and chunks of texts.

    DATA "…password: hun"   DATA "ter2\n…"        password: REDACTED-1   \n…

Nothing is held on the way to the client: only the last KB of such a stream are written later. A
stream of other records has whole messages, so it is not held.
"""

import contextlib
import re
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from ..format import bodies
from ..format.documents import Document, End, Event, Exchange
from ..redaction.lengths import fit_chunks
from ..redaction.redactor import Redactor

_WINDOW_BYTES = 8 * 1024
"""What is searched together with the data of an event; a private key is smaller."""

_OUTPUT = re.compile(
    r'"type": "(?P<channel>STDIN|STDOUT|STDERR)",\s{0,40}"data": "(?P<data>[A-Za-z0-9+/=]*+)"'
)

type _StreamKey = tuple[int, str | None]


class OutputWindow:
    """Holds the last events of each stream of output, in which a secret may go on."""

    # Events are held as they came, because half a secret that was replaced hides the other half.
    # When twice the window is held, the older half is searched together with the newer one: a
    # secret that begins in it is replaced there, and what is left of it is cut from later events.

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._chunked = set[int]()
        self._held: dict[_StreamKey, _HeldStream] = {}

    def feed(self, document: Document) -> Iterator[Document]:
        """Return the documents that can be written, in order; all of a stream before its end."""
        match document:
            case Event():
                yield from self._feed_event(document)
                return
            case Exchange(exchange=number, response=response) if response.stream == "chunks":
                self._chunked.add(number)
            case End():
                if document.from_ is None:
                    self._chunked.discard(document.end)
                if (held := self._held.pop((document.end, document.from_), None)) is not None:
                    yield from self._release(held, 0)
            case _:
                pass
        yield document

    def _feed_event(self, event: Event) -> Iterator[Event]:
        key = event.of, event.from_
        one = _HeldEvent(event, is_chunk=event.from_ is None and event.of in self._chunked)
        held = self._held.get(key)
        if held is None:
            if one.channel is None:
                yield event
                return
            held = self._held[key] = _HeldStream()
        held.events.append(one)
        held.size += one.size
        if held.size >= 2 * _WINDOW_BYTES:
            yield from self._release(held, _WINDOW_BYTES)

    def _release(self, stream: "_HeldStream", kept_bytes: int) -> Iterator[Event]:
        """Remove events from the front until `kept_bytes` are left, and yield them."""
        held = stream.events
        count = 0
        while count < len(held) and stream.size > kept_bytes:
            stream.size -= held[count].size
            count += 1
        by_channel = defaultdict[str | None, list[_HeldEvent]](list)
        for each in held:
            by_channel[each.channel].append(each)
        released = held[:count]
        for channel, events in by_channel.items():
            if channel is not None:
                self._join(events, sum(each.channel == channel for each in released))
        del held[:count]
        yield from (each.document() for each in released)

    def _join(self, events: Sequence["_HeldEvent"], released: int) -> None:
        """Replace the secrets that begin in the first events and end in later ones."""
        data = b"".join(each.data for each in events)
        begins = [0]
        for each in events:
            begins.append(begins[-1] + len(each.data))
        for span in reversed(self._redactor.find_secrets(data)):
            first = bisect_right(begins, span.begin) - 1
            if first >= released or span.end <= begins[first + 1]:
                continue  # later, or by the redaction of the event itself
            placeholder = b"REDACTED-%d" % span.number
            for i in range(first, len(events)):
                begin, end = max(span.begin, begins[i]) - begins[i], span.end - begins[i]
                if end <= 0:
                    break
                events[i].cut(begin, end, placeholder if i == first else b"")


class _HeldStream:
    """The events that are held of one side of an exchange, and their size."""

    def __init__(self) -> None:
        self.events: list[_HeldEvent] = []
        self.size = 0


class _HeldEvent:
    """An event and the output in it. `channel` is None if it has none."""

    def __init__(self, event: Event, *, is_chunk: bool) -> None:
        self._event = event
        self._is_chunk = is_chunk
        self._is_changed = False
        self.channel: str | None = None
        self.data = b""
        if is_chunk:
            self.channel, self.data = "chunk", bodies.encode_body(event)
        elif (found := _OUTPUT.search(event.json or event.proto or "")) is not None:
            with contextlib.suppress(ValueError):  # not base64
                self.data = b64decode(found["data"], validate=True)
                self.channel = found["channel"]
        self.size = 1 + len(self.data)  # so that empty ones are not held without end

    def cut(self, begin: int, end: int, placeholder: bytes) -> None:
        self.data = self.data[:begin] + placeholder + self.data[end:]
        self._is_changed = True

    def document(self) -> Event:
        event = self._event
        if not self._is_changed:
            return event
        if self._is_chunk:
            # An empty chunk would end the stream.
            body = bodies.decode_body(self.data or b"*")
            return replace(event, text=body.get("text"), base64=body.get("base64"))
        text = event.json or event.proto or ""
        found = _OUTPUT.search(text)
        assert found is not None
        data = b64encode(self.data).decode()
        text = text[: found.start("data")] + data + text[found.end("data") :]
        if event.json is not None:
            changed = replace(event, json=text)
        else:
            changed = replace(event, proto=text, wire=None, wire_of=None)
        return replace(changed, chunks=fit_chunks(event, changed))
