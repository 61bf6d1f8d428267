"""Injection: which faults strike a request, and what comes of it.

A fault may strike a call before it is taken (503, 307, lost-call): then no recorded answer is used
up. Else the call is played, and the answer is damaged. What strikes is counted, told once for each
strike at the moment of it, and what never struck is known at the end: a test that asked for a fault
and never saw it proves nothing.

Chance never depends on when things happen, nor on what other clients do: it is drawn for the
exchange and how often it was played, or, before the exchange is known, for the call and how often
it came.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.apis import APIS, ServerKind
from ...proto.http.request import HttpRequest
from ..answers.answer import ReplayResponse, StreamedResponse
from ..causality.container_input import ComparableCalls
from ..matching.misses import Miss, ReplayOutcome
from ..matching.request_key import (
    CallKey,
    ParsedRequest,
    digest_calls,
    parse_request,
    request_accepts_gzip,
)
from .answer_faults import AnswerFaults, build_redirect, build_reset, build_unavailable
from .fault_spec import Fault, FaultHit, parse_faults
from .kinds import PREEMPTIVE_FAULTS
from .seeded_random import SeededRandom
from .selector import Selector
from .stream_faults import StreamFault, number_records, strip_record_numbers

_APIS = {api.name: api for api in APIS}


class FaultTarget(Struct, frozen=True, kw_only=True):
    """A request as faults see it.

    `api` and `call` are empty for one that is no call. Equal `sense` is equal meaning, and `record`
    is the message of the records of a stream that answers.
    """

    request: HttpRequest
    server: ServerKind | None
    path: str
    api: str = ""
    call: str = ""
    draw_key: str = ""
    record_message: str | None = None

    def __str__(self) -> str:
        return self.call or self.path


def fault_target_of(
    request: HttpRequest, kinds: Iterable[ServerKind | None], counts: ComparableCalls
) -> FaultTarget:
    """Read a request as the first of some kinds of servers that takes it for a call."""
    asked: list[ServerKind | None] = [*kinds] or [None]
    found = [parse_request(request, kind) for kind in asked]
    for what in found:
        if isinstance(what.key, CallKey):
            return _call(request, what, what.key, counts)
    plain = found[0]
    return FaultTarget(request=request, server=asked[0], path=plain.path, draw_key=repr(plain.key))


def _call(
    request: HttpRequest, what: ParsedRequest, key: CallKey, counts: ComparableCalls
) -> FaultTarget:
    api = _APIS[key.api]
    return FaultTarget(
        request=request,
        server=api.server,
        path=what.path,
        api=key.api,
        call=key.call_name,
        draw_key=f"{key.api}.{key.call_name} {digest_calls(counts(what.calls, api)).hex()}",
        record_message=None if what.call_type is None else what.call_type.record_message,
    )


def fault_target_of_input(head: HttpRequest) -> FaultTarget:
    """Read the head of a streamed request, the input of a container."""
    path, call = head.target.decode("latin-1").partition("?")[0], "ATTACH_CONTAINER_INPUT"
    return FaultTarget(
        request=head, server="agent", path=path, api="agent", call=call, draw_key=call
    )


class FaultInjection:
    """The faults of a replay. `date` is the Date header of answers that are made here.

    `on_strike` is called with every strike, at its moment. Raises FaultError for an invalid fault.
    """

    def __init__(
        self, faults: Sequence[str], seed: int, on_strike: Callable[[FaultHit], object], date: str
    ) -> None:
        self.faults = parse_faults(faults)
        self.seed = seed
        self._on_strike = on_strike
        self._date = date
        self._came = Counter[Fault]()
        self._played = Counter[tuple[int, str]]()
        self._alike = Counter[str]()
        self._draws_calls = any(_of_calls(fault).share is not None for fault in self.faults)

    def describe_faults(self, struck: Mapping[str, int]) -> list[str]:
        """Tell people how often each fault struck."""
        return [self._told(fault, struck.get(str(fault), 0)) for fault in self.faults]

    def describe_idle_faults(self, struck: Mapping[str, int]) -> list[str]:
        """Tell people which faults never struck."""
        return [self._told(fault, 0) for fault in self.faults if not struck.get(str(fault))]

    def answer_with_faults(
        self, call: FaultTarget, now_seconds: float, play: Callable[[], ReplayOutcome]
    ) -> ReplayOutcome:
        """Answer a request that comes now, with the faults that strike it."""
        struck = self._struck(call)
        for fault in struck:
            if fault.kind.name in PREEMPTIVE_FAULTS:
                return self._untaken(fault, call, now_seconds)
        outcome = play()
        if not struck or isinstance(outcome, Miss) or not outcome.exchange:
            return outcome
        return self._damaged(struck, call, now_seconds, outcome)

    def apply_to_input_answer(
        self, call: FaultTarget, now_seconds: float, answer: ReplayResponse | StreamedResponse
    ) -> ReplayResponse | StreamedResponse:
        """Give the answer to a streamed request, which is taken whatever strikes it."""
        struck = self._struck(call)
        for fault in struck:
            if fault.kind.name in PREEMPTIVE_FAULTS:
                return self._untaken(fault, call, now_seconds)
        return self._damaged(struck, call, now_seconds, answer) if struck else answer

    def _damaged(
        self,
        struck: Sequence[Fault],
        call: FaultTarget,
        now_seconds: float,
        outcome: ReplayResponse | StreamedResponse,
    ) -> ReplayResponse | StreamedResponse:
        self._played[outcome.exchange, call.api] += 1
        play_number = self._played[outcome.exchange, call.api]

        def dice(fault: Fault) -> SeededRandom:
            return SeededRandom(
                f"{self.seed} {fault} exchange {outcome.exchange} play {play_number}"
            )

        def tell(fault: Fault, what: str) -> None:
            self._strike(fault, outcome.exchange, call, what)

        whole = AnswerFaults(struck, now_seconds, dice, tell)
        if isinstance(outcome, ReplayResponse):
            return whole.apply_to_whole_answer(outcome)
        steps = number_records(outcome.steps)
        for fault in struck:
            if fault.kind.scope == "record":
                damage = StreamFault(fault, dice(fault), partial(tell, fault), call.record_message)
                steps = damage.apply_to_steps(steps)
        return whole.apply_to_stream_answer(replace(outcome, steps=strip_record_numbers(steps)))

    def _struck(self, call: FaultTarget) -> list[Fault]:
        """Count the call, and tell which faults strike it."""
        alike = 0
        if self._draws_calls:
            self._alike[call.draw_key] += 1
            alike = self._alike[call.draw_key]
        struck: list[Fault] = []
        for fault in self.faults:
            if not fault.is_for(call.api, call.call, call.path):
                continue
            self._came[fault] += 1
            dice = SeededRandom(f"{self.seed} {fault}")
            drawn = partial(dice.random_fraction, call.draw_key, alike)
            if _of_calls(fault).is_selected(self._came[fault], drawn):
                struck.append(fault)
        return struck

    def _untaken(
        self, fault: Fault, call: FaultTarget, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        """What comes instead of taking a call."""
        request = call.request
        match fault.kind.name:
            case "503":
                self._strike(fault, 0, call, "503 Service Unavailable")
                bodiless, gzips = request.method == b"HEAD", request_accepts_gzip(request)
                server = call.server or "master"
                return build_unavailable(server, self._date, bodiless=bodiless, gzips=gzips)
            case "307":
                leader = None if fault.value is None else str(fault.value)
                self._strike(fault, 0, call, f"307 to {leader or 'this server'}")
                return build_redirect(request, leader, self._date)
            case _:
                self._strike(fault, 0, call, "reset, and not taken")
                return build_reset(now_seconds)

    def _strike(self, fault: Fault, exchange: int, call: FaultTarget, what: str) -> None:
        self._on_strike(FaultHit(fault=str(fault), exchange=exchange, call=str(call), effect=what))

    def _told(self, fault: Fault, count: int) -> str:
        came = self._came[fault]
        if count:
            return f"fault {fault} struck {count} time{'s' if count > 1 else ''}"
        calls = (
            "no such call came" if not came else f"{came} such call{'s' if came > 1 else ''} came"
        )
        return f"fault {fault} never struck: {calls}"


def _of_calls(fault: Fault) -> Selector:
    """Which calls a fault strikes, or strikes records of."""
    return fault.selector if fault.kind.scope == "call" else fault.call_selector
