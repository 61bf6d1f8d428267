"""Faults of calls: what is sent instead of an answer, or of the head of a stream.

A damaged answer becomes a stream of raw bytes, so that it may be late, partial or absent:

    503            HTTP/1.1 503 Service Unavailable …             another answer, undamaged
    cut-answer=3   HTTP/1.1 200 OK …  {"t                         Ending.CUT
    lost-answer                                                   Ending.RESET

Texts and headers are those of src/master/http.cpp and src/slave/http.cpp.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain

from msgspec.structs import replace

from ...proto.api.refusals import MesosRefusal
from ...proto.counted import counted
from ...proto.http import redirects
from ...proto.http.request import HttpRequest
from ..answers import answer as answers
from ..answers.answer import Ending, Notify, RawBytes, ReplayResponse, StreamedResponse, StreamStep
from ..answers.gates import WaitFor
from ..answers.pace import Timed
from .fault_spec import Fault
from .seeded_random import SeededRandom

type AnswerSteps = Iterator[Timed[StreamStep | RawBytes]]

_LENGTH = re.compile(rb"(?i)(?<=\r\n)(content-length:[ \t]*)\d+")
_CODING = re.compile(rb"(?i)(?<=\r\n)content-encoding:[^\r\n]*\r\n")
_MASTER = re.compile(r"/master(?=/|$)")
_NO_LEADER = "leader.invalid"

_UNAVAILABLE = {
    "master": MesosRefusal(503, b"No leader elected"),
    "agent": MesosRefusal(503, b"Agent has not finished recovery"),
}


def build_unavailable(server: str, date: str, *, bodiless: bool, gzips: bool) -> ReplayResponse:
    """Build the 503 of a master without a leader, or of an agent that recovers.

    `server` is `master` or `agent`, and `date` the Date header.
    """
    return answers.build_refusal(_UNAVAILABLE[server], date, bodiless=bodiless, accepts_gzip=gzips)


def build_redirect(
    request: HttpRequest, leader: str | None, date: str
) -> ReplayResponse | StreamedResponse:
    """Build the 307 of a master that does not lead, to `leader` (HOST:PORT).

    Without a leader it is a plain answer, whose Location the server replaces by its own address
    (`retarget_redirect`); with one it is a stream of raw bytes, which no server changes.
    """
    target = redirects.strip_origin(request.target.decode("latin-1"))
    path = target if _MASTER.match(target) else f"/master{target}"
    location = f"//{leader or _NO_LEADER}{path}"
    headers = [("Date", date), ("Location", location), ("Content-Length", "0")]
    answer = ReplayResponse(exchange=0, status=307, head=answers.render_head(307, None, headers))
    if leader is None:
        return answer
    return _streamed(answer, iter([(0.0, RawBytes(answer.head)), (0.0, Ending.RAW_COMPLETE)]))


def build_reset(now_seconds: float) -> StreamedResponse:
    """Build a reset of the connection, without an answer."""
    steps: AnswerSteps = iter([(now_seconds, Ending.RESET)])
    return StreamedResponse(exchange=0, status=0, head=b"", steps=steps)


class AnswerFaults:
    """The faults that hit one answer, to a call processed at `now_seconds`.

    `random_for` returns the random source of a fault, and `report` records the effect of one.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        now_seconds: float,
        random_for: Callable[[Fault], SeededRandom],
        report: Callable[[Fault, str], object],
    ) -> None:
        self._first_of_kind = {fault.kind.name: fault for fault in reversed(faults)}
        self._delays = [
            (fault, float(fault.effective_value or 0))
            for fault in faults
            if fault.kind.name == "late"
        ]
        self._now_seconds = now_seconds
        self._due_seconds = now_seconds + sum(seconds for _, seconds in self._delays)
        self._random_for = random_for
        self._report = report

    def apply_to_stream_answer(self, answer: StreamedResponse) -> StreamedResponse:
        """Damage the head of a stream."""
        if (lost := self._first_of_kind.get("lost-answer")) is not None:
            return replace(answer, head=b"", steps=self._reset(lost))
        if not self._delays:
            return answer
        head: AnswerSteps = iter(
            [(self._due_seconds, RawBytes(answer.head)), *self._delay_notices()]
        )
        return replace(answer, head=b"", steps=chain(head, answer.steps))

    def apply_to_whole_answer(self, answer: ReplayResponse) -> ReplayResponse | StreamedResponse:
        """Damage a whole answer."""
        if (lost := self._first_of_kind.get("lost-answer")) is not None:
            return _streamed(answer, self._reset(lost))
        empty = self._first_of_kind.get("empty-answer")
        size = len(answer.content)
        if empty is not None and size:
            self._report(empty, f"{counted(size, 'byte')} of body left out")
            answer = _without_body(answer)
        cut = self._first_of_kind.get("cut-answer") if answer.content else None
        if cut is None and not self._delays:
            return answer
        return _streamed(answer, self._pieces(answer, cut))

    def _pieces(self, answer: ReplayResponse, cut: Fault | None) -> AnswerSteps:
        for latch in answer.latches:
            yield self._now_seconds, WaitFor(latch)
        due_seconds, size = self._due_seconds, len(answer.content)
        yield from self._delay_notices()
        if cut is None:
            yield from self._raw(answer, size)
            yield due_seconds, Ending.RAW_COMPLETE
            return
        drawn = cut.effective_value
        if drawn is None:
            drawn = self._random_for(cut).random_below(size)
        sent = min(int(drawn), size - 1)
        yield due_seconds, self._notice(cut, f"closed after {sent} of {size} bytes of body")
        yield from self._raw(answer, sent)
        yield due_seconds, Ending.CUT

    def _raw(self, answer: ReplayResponse, size: int) -> AnswerSteps:
        """Yield an answer with the first bytes of its body; one in the cassette in blocks."""
        content = answer.content
        if isinstance(content, bytes):
            yield self._due_seconds, RawBytes(answer.head + content[:size])
            return
        yield self._due_seconds, RawBytes(answer.head)
        for block in content.blocks(size):
            yield self._due_seconds, RawBytes(block)

    def _reset(self, fault: Fault) -> AnswerSteps:
        yield self._now_seconds, self._notice(fault, "reset without an answer")
        yield self._now_seconds, Ending.RESET

    def _delay_notices(self) -> AnswerSteps:
        for fault, seconds in self._delays:
            yield self._due_seconds, self._notice(fault, f"answered {seconds:g} s late")

    def _notice(self, fault: Fault, text: str) -> Notify:
        return Notify(partial(self._report, fault, text))


def _streamed(answer: ReplayResponse, steps: AnswerSteps) -> StreamedResponse:
    """Return the answer with raw steps instead of its head and body."""
    return StreamedResponse(
        exchange=answer.exchange,
        status=answer.status or 0,
        head=b"",
        steps=steps,
        close=answer.close,
    )


def _without_body(answer: ReplayResponse) -> ReplayResponse:
    head = _CODING.sub(b"", _LENGTH.sub(rb"\g<1>0", answer.head))
    return replace(answer, head=head, content=b"")
