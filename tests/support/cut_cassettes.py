"""Captures as cassettes, cut, and a scheduler that answers the events of a cut one."""

import asyncio
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from mesotape.cassettes.answers.answer import StreamedResponse
from mesotape.cassettes.answers.pace import Instant
from mesotape.cassettes.cutting.choice import Choice
from mesotape.cassettes.cutting.cutting import cut_cassette
from mesotape.cassettes.format.documents import Event, Exchange
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.matching.recorded_request import recorded_request, response_message_name
from mesotape.cassettes.matching.request_key import CallKey, parse_request
from mesotape.cassettes.playback.playback import Options, Playback
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.storage.recorded_bodies import encode_event
from mesotape.proto.api.apis import SCHEDULER
from mesotape.proto.messages import mapping
from mesotape.proto.messages.fields import field_at
from mesotape.proto.messages.ids import id_fields
from mesotape.proxy.server.server import ReplayServer
from support.capture_cassettes import server_of
from support.capture_to_cassette import taped
from support.captures import load


def captured(name: str, folder: Path) -> Path:
    """Return a capture as a cassette, written once for a folder."""
    path = folder / f"{name}.yaml"
    return path if path.exists() else taped(load(name), path, server_of(name))


def cut(name: str, folder: Path, choice: Choice) -> tuple[Path, Path]:
    """Return a capture as a cassette, and what is chosen of it."""
    path, output = captured(name, folder), folder / "cut.yaml"
    cut_cassette(path, choice, output)
    return path, output


def documents(path: Path) -> Counter[bytes]:
    """Return the exchanges and events of a cassette, events without their numbers."""
    found = Counter[bytes]()
    with Cassette.open(path) as cassette:
        for source in cassette.sources():
            document, data = cassette.read_source(source)
            if isinstance(document, Event):
                data = data.replace(b"event: %d\n" % document.event, b"", 1)
            if isinstance(document, Event | Exchange):
                found[data] += 1
    return found


def replay(cassette: Cassette) -> None:
    """Make every call of a cassette again, and compare the events of streams."""
    playback = Playback(cassette, Options(pace=Instant(), causality="off"))
    for recorded in cassette.exchanges():
        head = recorded.request, recorded.response
        if head[0].stream or head[1].status is None or "Libprocess-From" in head[0].headers:
            continue
        answer = playback.answer(recorded_request(cassette, recorded), recorded.at)
        assert not isinstance(answer, Miss), f"{recorded.exchange}: {answer}"
        if recorded.response.stream == "recordio" and isinstance(answer, StreamedResponse):
            sent = b"".join(step for _, step in answer.steps if isinstance(step, bytes))
            call = parse_request(recorded_request(cassette, recorded), cassette.header.server)
            message = response_message_name(recorded, call.call_type)
            records = [
                encode_event(cassette, event, message)
                for event in cassette.events(recorded.exchange)
            ]
            assert all(record in sent for record in records)


async def live(path: Path, original: Path, number: int) -> int:
    """Play a cut cassette to a scheduler that subscribes as in an exchange of the original.

    It answers each event as the recorded scheduler did, also with calls that the cut has not, if
    the answer has an id of the event. Calls of the cut without such ids are made in their turn.
    Returns how many calls it made. Raises AssertionError at a miss or a call that is refused.
    """
    with Cassette.open(path) as cassette, Cassette.open(original) as whole:
        playback = Playback(cassette, Options(pace=Instant()))
        server = ReplayServer(playback)
        address = await server.start()
        try:
            async with asyncio.timeout(60):
                calls = await _Scheduler(cassette, whole, number).live(*address)
        finally:
            await server.stop()
        assert playback.journal.missed_count == 0, playback.journal
        assert playback.waiting == []
    return calls


class _Call(NamedTuple):
    """A call, to be made when these ids are known and so many events are seen."""

    ids: frozenset[object]
    seen: int
    request: bytes


class _Scheduler:
    def __init__(self, cassette: Cassette, whole: Cassette, number: int) -> None:
        exchange = whole.exchange(number)
        self._subscription = _sent(whole, exchange)
        first = next(whole.events(number))
        data = encode_event(whole, first, SCHEDULER.event_message)
        framework = field_at(_decode(data), "subscribed.framework_id.value")
        times = [event.at for event in cassette.events(number)]
        self._events = len(times)
        self._calls: list[_Call] = []
        kept = {each.exchange for each in cassette.exchanges()}
        for each in whole.exchanges():
            parsed = parse_request(recorded_request(whole, each), "master")
            if not isinstance(parsed.key, CallKey) or each.response.status != 202:
                continue
            ids, request = _ids(parsed.calls[0]), _sent(whole, each)
            if field_at(parsed.calls[0], "framework_id.value") != framework:
                continue
            if ids:
                self._calls.append(_Call(ids, 0, request))
            elif each.exchange in kept:
                self._calls.append(_Call(ids, bisect_left(times, each.at), request))

    async def live(self, host: str, port: int) -> int:
        """Run to the last event. Return the number of calls."""
        events, subscribing = await asyncio.open_connection(host, port)
        answers, calling = await asyncio.open_connection(host, port)
        subscribing.write(self._subscription)
        head = await events.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        known, made = set[object](), 0
        for seen in range(1, self._events + 1):
            size = int(await events.readline(), 16)
            record = (await events.readexactly(size + 2))[:-2]
            known |= _ids(_decode(record.partition(b"\n")[2]))
            due = [each for each in self._calls if each.ids <= known and each.seen <= seen]
            self._calls = [each for each in self._calls if each not in due]
            for _, _, request in due:
                calling.write(request)
                answer = await answers.readuntil(b"\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 202 "), answer + request
                made += 1
        for writer in (subscribing, calling):
            writer.close()
            await writer.wait_closed()
        return made


def _ids(message) -> frozenset[object]:
    """Return the ids that a master has invented: an answer to an event has one of its ids."""
    return frozenset(
        (each.kind, each.value) for each in id_fields(message) if each.kind in ("offer-id", "uuid")
    )


def _decode(data: bytes):
    if data.startswith(b"{"):
        return mapping.decode(data, SCHEDULER.event_message)
    return mapping.decode_protobuf(data, SCHEDULER.event_message)


def _sent(cassette: Cassette, exchange: Exchange) -> bytes:
    """Return a recorded request as it was sent."""
    request = recorded_request(cassette, exchange)
    lines = [f"{exchange.request.method} {exchange.request.path} HTTP/1.1"]
    lines += [
        f"{name}: {value}"
        for name, value in exchange.request.headers.items()
        if name.lower() not in ("content-length", "transfer-encoding")
    ]
    lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + request.body
