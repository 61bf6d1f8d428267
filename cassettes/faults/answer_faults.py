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

from ...proto.api.refusals import Refusal
from ...proto.http.request import Received
from ..answers import answer as answers
from ..answers.answer import Answer, Ending, Raw, Step, StreamAnswer
from ..answers.gates import Gate, Reach, Wait
from ..answers.pace import Timed
from .fault_spec import Fault
from .seeded_random import Dice

type Steps = Iterator[Timed[Step | Raw]]

_LENGTH = re.compile(rb"(?i)(?<=\r\n)(content-length:[ \t]*)\d+")
_CODING = re.compile(rb"(?i)(?<=\r\n)content-encoding:[^\r\n]*\r\n")
_HOST = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_MASTER = re.compile(r"/master(?=/|$)")
_NOBODY = "leader.invalid"

_UNAVAILABLE = {
    "master": Refusal(503, b"No leader elected"),
    "agent": Refusal(503, b"Agent has not finished recovery"),
}


def unavailable(server: str, date: str, *, bodiless: bool, gzips: bool) -> Answer:
    """The answer of a master without a leader, or of an agent that recovers."""
    return answers.refused(_UNAVAILABLE[server], date, bodiless=bodiless, gzips=gzips)


def redirected(request: Received, leader: str | None, date: str) -> Answer | StreamAnswer:
    """The answer of a master that does not lead; without a leader, one that is to be `pointed`."""
    target = _HOST.sub("", request.target.decode("latin-1"))
    path = target if _MASTER.match(target) else f"/master{target}"
    location = f"//{leader or _NOBODY}{path}"
    headers = [("Date", date), ("Location", location), ("Content-Length", "0")]
    answer = Answer(exchange=0, status=307, head=answers.head(307, None, headers))
    if leader is None:
        return answer
    return _streamed(answer, iter([(0.0, Raw(answer.head)), (0.0, Ending.WHOLE)]))


def lost(now_seconds: float) -> StreamAnswer:
    """No answer, and the connection is reset."""
    steps: Steps = iter([(now_seconds, Ending.RESET)])
    return StreamAnswer(exchange=0, status=0, head=b"", steps=steps)


class AnswerDamage:
    """What faults do to the answer of a call that is taken at `now_seconds`.

    `dice` draws for a fault, and `tell` takes down what one did.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        now_seconds: float,
        dice: Callable[[Fault], Dice],
        tell: Callable[[Fault, str], object],
    ) -> None:
        self._late = [fault for fault in faults if fault.kind.name == "late"]
        self._cut = _first(faults, "cut-answer")
        self._lost = _first(faults, "lost-answer")
        self._empty = _first(faults, "empty-answer")
        self._now_seconds = now_seconds
        self._due_seconds = now_seconds + sum(float(fault.amount or 0) for fault in self._late)
        self._dice = dice
        self._tell = tell

    def of_stream(self, answer: StreamAnswer) -> StreamAnswer:
        """Strike the head of a stream."""
        if self._lost is not None:
            return replace(answer, head=b"", steps=self._lose(self._lost))
        if not self._late:
            return answer
        due_seconds = self._due_seconds
        head: Steps = iter([(due_seconds, Raw(answer.head)), *self._told_late()])
        return replace(answer, head=b"", steps=chain(head, answer.steps))

    def of_whole(self, answer: Answer) -> Answer | StreamAnswer:
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

    def _pieces(self, answer: Answer, cut: Fault | None) -> Steps:
        for gate in answer.gates:
            yield self._now_seconds, Wait(gate)
        due_seconds, body = self._due_seconds, answer.body
        yield from self._told_late()
        if cut is None:
            yield due_seconds, Raw(answer.head + body)
            yield due_seconds, Ending.WHOLE
            return
        amount = self._dice(cut).below(len(body)) if cut.amount is None else int(cut.amount)
        size = min(amount, len(body) - 1)
        yield due_seconds, self._reach(cut, f"closed after {size} of {len(body)} bytes of body")
        yield due_seconds, Raw(answer.head + body[:size])
        yield due_seconds, Ending.CUT

    def _lose(self, fault: Fault) -> Steps:
        yield self._now_seconds, self._reach(fault, "reset without an answer")
        yield self._now_seconds, Ending.RESET

    def _told_late(self) -> Steps:
        for fault in self._late:
            seconds = float(fault.amount or 0)
            yield self._due_seconds, self._reach(fault, f"answered {seconds:g} seconds late")

    def _reach(self, fault: Fault, text: str) -> Reach:
        """Tell of a fault at the moment of it."""
        gate = Gate(text)
        gate.wait(lambda: self._tell(fault, text))
        return Reach(gate)


def _first(faults: Sequence[Fault], name: str) -> Fault | None:
    return next((fault for fault in faults if fault.kind.name == name), None)


def _streamed(answer: Answer, steps: Steps) -> StreamAnswer:
    """An answer that comes in raw pieces."""
    return StreamAnswer(
        exchange=answer.exchange,
        status=answer.status or 0,
        head=b"",
        steps=steps,
        close=answer.close,
    )


def _emptied(answer: Answer) -> Answer:
    """The answer without its body."""
    head = _CODING.sub(b"", _LENGTH.sub(rb"\g<1>0", answer.head))
    return replace(answer, head=head, body=b"")
