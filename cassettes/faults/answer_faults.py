"""Damage of whole answers: what comes instead of one, or of the head of a stream.

A damaged answer is made a stream of raw bytes, so that it may come late, in part, or not at all:

    503            HTTP/1.1 503 Service Unavailable …             no damage, but another answer
    cut-answer=3   HTTP/1.1 200 OK …  {"t                         Ending.CUT
    lost-answer                                                   Ending.RESET

Texts and headers are those of src/master/http.cpp and src/slave/http.cpp.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from msgspec.structs import replace

from ...proto.api.refusals import MesosRefusal
from ...proto.http import redirects
from ...proto.http.request import HttpRequest
from ..answers import answer as answers
from ..answers.answer import Ending, RawBytes, ReplayResponse, StreamedResponse, StreamStep
from ..answers.gates import Latch, Signal, WaitFor
from ..answers.pace import Timed
from .fault_spec import Fault
from .seeded_random import SeededRandom

type AnswerSteps = Iterator[Timed[StreamStep | RawBytes]]

_LENGTH = re.compile(rb"(?i)(?<=\r\n)(content-length:[ \t]*)\d+")
_CODING = re.compile(rb"(?i)(?<=\r\n)content-encoding:[^\r\n]*\r\n")
_MASTER = re.compile(r"/master(?=/|$)")
_NOBODY = "leader.invalid"

_UNAVAILABLE = {
    "master": MesosRefusal(503, b"No leader elected"),
    "agent": MesosRefusal(503, b"Agent has not finished recovery"),
}


def build_unavailable(server: str, date: str, *, bodiless: bool, gzips: bool) -> ReplayResponse:
    """The answer of a master without a leader, or of an agent that recovers."""
    return answers.build_refusal(_UNAVAILABLE[server], date, bodiless=bodiless, accepts_gzip=gzips)


def build_redirect(
    request: HttpRequest, leader: str | None, date: str
) -> ReplayResponse | StreamedResponse:
    """The answer of a master that does not lead; without a leader, one that is to be `pointed`."""
    target = redirects.strip_origin(request.target.decode("latin-1"))
    path = target if _MASTER.match(target) else f"/master{target}"
    location = f"//{leader or _NOBODY}{path}"
    headers = [("Date", date), ("Location", location), ("Content-Length", "0")]
    answer = ReplayResponse(exchange=0, status=307, head=answers.render_head(307, None, headers))
    if leader is None:
        return answer
    return _streamed(answer, iter([(0.0, RawBytes(answer.head)), (0.0, Ending.RAW_COMPLETE)]))


def build_reset(now_seconds: float) -> StreamedResponse:
    """No answer, and the connection is reset."""
    steps: AnswerSteps = iter([(now_seconds, Ending.RESET)])
    return StreamedResponse(exchange=0, status=0, head=b"", steps=steps)


class AnswerFaults:
    """What faults do to the answer of a call that is taken at `now_seconds`.

    `dice` draws for a fault, and `tell` takes down what one did.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        now_seconds: float,
        dice: Callable[[Fault], SeededRandom],
        tell: Callable[[Fault, str], object],
    ) -> None:
        self._late = [fault for fault in faults if fault.kind.name == "late"]
        self._cut = _first(faults, "cut-answer")
        self._lost = _first(faults, "lost-answer")
        self._empty = _first(faults, "empty-answer")
        self._now_seconds = now_seconds
        self._due_seconds = now_seconds + sum(
            float(fault.effective_value or 0) for fault in self._late
        )
        self._dice = dice
        self._tell = tell

    def apply_to_stream_answer(self, answer: StreamedResponse) -> StreamedResponse:
        """Strike the head of a stream."""
        if self._lost is not None:
            return replace(answer, head=b"", steps=self._lose(self._lost))
        if not self._late:
            return answer
        due_seconds = self._due_seconds
        head: AnswerSteps = iter([(due_seconds, RawBytes(answer.head)), *self._told_late()])
        return replace(answer, head=b"", steps=chain(head, answer.steps))

    def apply_to_whole_answer(self, answer: ReplayResponse) -> ReplayResponse | StreamedResponse:
        """Strike a whole answer."""
        if self._lost is not None:
            return _streamed(answer, self._lose(self._lost))
        if self._empty is not None and answer.body:
            self._tell(self._empty, f"{len(answer.body)} bytes of body left out")
            answer = _emptied(answer)
        cut = self._cut if answer.body else None
        if cut is None and not self._late:
            return answer
        return _streamed(answer, self._pieces(answer, cut))

    def _pieces(self, answer: ReplayResponse, cut: Fault | None) -> AnswerSteps:
        for gate in answer.latches:
            yield self._now_seconds, WaitFor(gate)
        due_seconds, body = self._due_seconds, answer.body
        yield from self._told_late()
        if cut is None:
            yield due_seconds, RawBytes(answer.head + body)
            yield due_seconds, Ending.RAW_COMPLETE
            return
        amount = (
            self._dice(cut).random_below(len(body))
            if cut.effective_value is None
            else int(cut.effective_value)
        )
        size = min(amount, len(body) - 1)
        yield due_seconds, self._reach(cut, f"closed after {size} of {len(body)} bytes of body")
        yield due_seconds, RawBytes(answer.head + body[:size])
        yield due_seconds, Ending.CUT

    def _lose(self, fault: Fault) -> AnswerSteps:
        yield self._now_seconds, self._reach(fault, "reset without an answer")
        yield self._now_seconds, Ending.RESET

    def _told_late(self) -> AnswerSteps:
        for fault in self._late:
            seconds = float(fault.effective_value or 0)
            yield self._due_seconds, self._reach(fault, f"answered {seconds:g} seconds late")

    def _reach(self, fault: Fault, text: str) -> Signal:
        """Tell of a fault at the moment of it."""
        gate = Latch(text)
        gate.add_open_callback(lambda: self._tell(fault, text))
        return Signal(gate)


def _first(faults: Sequence[Fault], name: str) -> Fault | None:
    return next((fault for fault in faults if fault.kind.name == name), None)


def _streamed(answer: ReplayResponse, steps: AnswerSteps) -> StreamedResponse:
    """An answer that comes in raw pieces."""
    return StreamedResponse(
        exchange=answer.exchange,
        status=answer.status or 0,
        head=b"",
        steps=steps,
        close=answer.close,
    )


def _emptied(answer: ReplayResponse) -> ReplayResponse:
    """The answer without its body."""
    head = _CODING.sub(b"", _LENGTH.sub(rb"\g<1>0", answer.head))
    return replace(answer, head=head, body=b"")
