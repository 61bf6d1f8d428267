"""Recorded schedulers, operators and their calls, and clients for a playback of them.

scheduler((1.0, A), (3.0, B))      a subscription with events at times of the recording
call(2, 2.0, decline("f", "o"))    a call, as exchange 2, at such a time
"""

from mesotape.cassettes.answers.answer import Ending, ReplayResponse, StreamedResponse
from mesotape.cassettes.answers.gates import WaitFor
from mesotape.cassettes.format.documents import End, Event, Exchange, Request, Response
from mesotape.cassettes.matching.misses import Miss
from mesotape.cassettes.storage.reader import Cassette
from mesotape.proto.http.request import HttpRequest
from support import cassette_builder
from support.cassette_builder import said

A, B, C = '{"a":1}', '{"b":1}', '{"c":1}'
"""Events, as short as they can be."""

JSON = "application/json"
MASTER, SCHEDULER, EXECUTOR = "/api/v1", "/api/v1/scheduler", "/api/v1/executor"
PROVIDER = "/api/v1/resource_provider"
HEAD = {"Transfer-Encoding": "chunked", "Content-Type": JSON}


def by(framework, kind, **more):
    """Return a call of a framework."""
    return said(kind, framework_id={"value": framework}, **more)


def decline(framework, *offers):
    return by(framework, "DECLINE", decline={"offer_ids": [{"value": offer} for offer in offers]})


def subscription(framework=None):
    info = {"user": "root", "name": "n"} | ({"id": {"value": framework}} if framework else {})
    call = {"subscribe": {"framework_info": info}}
    return by(framework, "SUBSCRIBE", **call) if framework else said("SUBSCRIBE", **call)


def subscribed(framework):
    return said("SUBSCRIBED", subscribed={"framework_id": {"value": framework}})


def exchange(number, at, text, response, path, agent, peer):
    headers = {"Content-Type": JSON} | ({"User-Agent": agent} if agent else {})
    request = Request(method="POST", path=path, headers=headers, text=text)
    return Exchange(
        exchange=number, at=at, client=number, peer=peer, request=request, response=response
    )


def call(number, at, text, *, status=202, path=SCHEDULER, agent=None, peer=None, after=0.1):
    response = Response(after=after, status=status)
    return [exchange(number, at, text, response, path, agent, peer)]


def stream(
    number, text, events, *, path=SCHEDULER, agent=None, peer=None, at=0.0, end=("client", 100.0)
):
    """Return a subscription with its events and its end, (cause, seconds)."""
    response = Response(after=0.0, status=200, headers=HEAD, stream="recordio")
    return [
        exchange(number, at, text, response, path, agent, peer),
        *(Event(event=n, of=number, at=at, text=text) for n, (at, text) in enumerate(events, 1)),
        End(end=number, at=end[1], cause=end[0]),
    ]


def scheduler(*events, framework="f", number=1, **more):
    """Return the subscription of a scheduler."""
    events = [(0.5, subscribed(framework)), *events]
    return stream(number, subscription(), events, **more)


TEARDOWN = said("TEARDOWN", teardown={"framework_id": {"value": "f"}})


def operator(*, agents, peers):
    """Return a subscription and a TEARDOWN, each with a User-Agent and an address."""
    return [
        stream(
            1,
            said("SUBSCRIBE"),
            [(1.0, A), (3.0, B)],
            path=MASTER,
            agent=agents[0],
            peer=peers[0],
        ),
        call(2, 2.0, TEARDOWN, status=200, path=MASTER, agent=agents[1], peer=peers[1]),
    ]


def written(path, parts, server="master"):
    """Write exchanges as a cassette, and open it."""
    return Cassette.open(cassette_builder.written(path, *parts, server=server))


def request(text, path=SCHEDULER):
    headers = ((b"Content-Type", JSON.encode()), (b"Accept", JSON.encode()))
    return HttpRequest(b"POST", path.encode(), headers, text.encode())


def wake():
    """Do nothing: a callback in place of that of a server."""


class Client:
    """A client of a playback, which reads streams up to the first closed latch."""

    def __init__(self, playback):
        self._playback = playback

    def make(self, text, path=SCHEDULER):
        answer = self._playback.answer(request(text, path), 0.0)
        assert isinstance(answer, ReplayResponse), str(answer)
        return answer.status

    def send(self, text, path):
        """Make a call, whatever its answer is."""
        answer = self._playback.answer(request(text, path), 0.0)
        assert not isinstance(answer, Miss), str(answer)

    def subscribe(self, text, path=SCHEDULER):
        answer = self._playback.answer(request(text, path), 0.0)
        assert isinstance(answer, StreamedResponse), str(answer)
        return Reading(answer)


class Reading:
    """An open stream; `held` is the reason for which it waits, or None."""

    def __init__(self, answer):
        self._steps, self._wait = answer.steps, None

    @property
    def held(self):
        return self._wait.latch.reason if self._wait is not None else None

    def stay(self):
        """Read, and wait for the latch that holds the stream."""
        self.read()
        self._wait.latch.add_open_callback(wake)
        return self._wait.latch

    def read(self):
        """Return the events that are sent now, up to a closed latch."""
        events = []
        if self._wait is not None and not self._wait.latch.is_open:
            return events
        self._wait = None
        for _, step in self._steps:
            if isinstance(step, WaitFor):
                if not step.latch.is_open:
                    self._wait = step
                    break
            else:
                events.append(step if isinstance(step, Ending) else payload(step))
        return events


def payload(step):
    return step.partition(b"\n")[2].decode(errors="replace")
