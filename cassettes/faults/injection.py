"""Injection: which faults hit a request, and the answer with their damage.

A fault may hit a call before it is processed (503, 307, lost-call); then no recorded answer is used
up. Otherwise the call is answered, and the answer is damaged. Every hit is counted, and reported
once, at the moment it goes out. Faults that never hit anything are known at the end: a test that
asked for a fault and never saw it proves nothing.

Random choices depend neither on time nor on other clients. They are drawn for the exchange and how
often it was played, or, before the exchange is known, for the call and how often it was made.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.apis import APIS_BY_NAME, ServerKind
from ...proto.counted import counted, was
from ...proto.http.request import HttpRequest
from ..answers.answer import ReplayResponse, StreamedResponse
from ..causality.container_input import ComparableCalls
from ..matching.misses import Miss, ReplayOutcome
from ..matching.request_key import (
    CallKey,
    MatchableRequest,
    ParsedRequest,
    digest_calls,
    request_accepts_gzip,
)
from .answer_faults import AnswerFaults, build_redirect, build_reset, build_unavailable
from .fault_spec import Fault, FaultHit, parse_faults
from .kinds import LOSING_FAULTS, PREEMPTIVE_FAULTS
from .seeded_random import SeededRandom
from .selector import Selector
from .stream_faults import StreamFault, number_records, strip_record_numbers


class FaultTarget(Struct, frozen=True, kw_only=True):
    """A request as faults see it.

    `api` and `call` are empty if it is no call. Requests with equal `draw_key` mean the same, and
    `record_message` is the message type of the records of a stream that answers.
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
    request: MatchableRequest, kinds: Sequence[ServerKind | None], counts: ComparableCalls
) -> FaultTarget:
    """Parse a request as the first of some kinds of servers to which it is a call.

    `counts` reduces calls to the parts that are compared.
    """
    parsed, http = request.parsed_as_call(kinds), request.http
    if isinstance(parsed.key, CallKey):
        return _target_of_call(http, parsed, parsed.key, counts)
    return FaultTarget(
        request=http, server=parsed.key.server, path=parsed.path, draw_key=repr(parsed.key)
    )


def _target_of_call(
    request: HttpRequest, parsed: ParsedRequest, key: CallKey, counts: ComparableCalls
) -> FaultTarget:
    api = APIS_BY_NAME[key.api]
    return FaultTarget(
        request=request,
        server=api.server,
        path=parsed.path,
        api=key.api,
        call=key.call_name,
        draw_key=f"{key.api}.{key.call_name} {digest_calls(counts(parsed.calls, api)).hex()}",
        record_message=None if parsed.call_type is None else parsed.call_type.record_message,
    )


def fault_target_of_input(head: HttpRequest) -> FaultTarget:
    """Return the target for the head of a streamed request, the input of a container."""
    path, call = head.target.decode("latin-1").partition("?")[0], "ATTACH_CONTAINER_INPUT"
    return FaultTarget(
        request=head, server="agent", path=path, api="agent", call=call, draw_key=call
    )


class FaultInjection:
    """The faults of a replay. `date` is the Date header of answers that are made here.

    `on_hit` is called with every hit, at its moment. Raises FaultError for an invalid fault.
    """

    def __init__(
        self, faults: Sequence[str], seed: int, on_hit: Callable[[FaultHit], object], date: str
    ) -> None:
        self.faults = parse_faults(faults)
        self._seed = seed
        self._on_hit = on_hit
        self._date = date
        self._call_counts = Counter[Fault]()
        self._play_counts = Counter[tuple[int, str]]()
        self._equal_calls = Counter[str]()
        self._has_shares = any(_call_selector(fault).share is not None for fault in self.faults)

    def describe_faults(self, hit_counts: Mapping[str, int]) -> list[str]:
        """Report how often each fault hit something, a line per fault."""
        return [self._describe(fault, hit_counts.get(str(fault), 0)) for fault in self.faults]

    def describe_idle_faults(self, hit_counts: Mapping[str, int]) -> list[str]:
        """Report the faults that hit nothing, a line per fault."""
        return [self._describe(fault, 0) for fault in self.faults if not hit_counts.get(str(fault))]

    def answer_with_faults(
        self, target: FaultTarget, now_seconds: float, play: Callable[[], ReplayOutcome]
    ) -> ReplayOutcome:
        """Answer a request that arrives now, with the faults that hit it.

        `play` returns the answer without faults; it is not called if a fault comes before it.
        """
        faults = self._select_faults(target)
        for fault in faults:
            if fault.kind.name in PREEMPTIVE_FAULTS:
                return self._unprocessed(fault, target, now_seconds)
        outcome = play()
        if not faults or isinstance(outcome, Miss) or not outcome.exchange:
            return outcome
        return self._damaged(faults, target, now_seconds, outcome)

    def _damaged(
        self,
        faults: Sequence[Fault],
        target: FaultTarget,
        now_seconds: float,
        outcome: ReplayResponse | StreamedResponse,
    ) -> ReplayResponse | StreamedResponse:
        self._play_counts[outcome.exchange, target.api] += 1
        play_number = self._play_counts[outcome.exchange, target.api]

        def random_for(fault: Fault) -> SeededRandom:
            return SeededRandom(
                f"{self._seed} {fault} exchange {outcome.exchange} play {play_number}"
            )

        def report(fault: Fault, effect: str, record_number: int = 0) -> None:
            lost_record = record_number if self._is_lost_for_good(fault) else 0
            self._report_hit(fault, outcome.exchange, target, effect, lost_record)

        answer_faults = AnswerFaults(faults, now_seconds, random_for, report)
        if isinstance(outcome, ReplayResponse):
            return answer_faults.apply_to_whole_answer(outcome)
        steps = number_records(outcome.steps)
        for fault in faults:
            if fault.kind.scope == "record":
                stream_fault = StreamFault(
                    fault, random_for(fault), partial(report, fault), target.record_message
                )
                steps = stream_fault.apply_to_steps(steps)
        return answer_faults.apply_to_stream_answer(
            replace(outcome, steps=strip_record_numbers(steps))
        )

    def _select_faults(self, target: FaultTarget) -> list[Fault]:
        """Count the call, and return the faults that hit it."""
        number = 0
        if self._has_shares:
            self._equal_calls[target.draw_key] += 1
            number = self._equal_calls[target.draw_key]
        selected: list[Fault] = []
        for fault in self.faults:
            if not fault.is_for(target.api, target.call, target.path):
                continue
            self._call_counts[fault] += 1
            seeded_random = SeededRandom(f"{self._seed} {fault}")
            draw = partial(seeded_random.random_fraction, target.draw_key, number)
            if _call_selector(fault).is_selected(self._call_counts[fault], draw):
                selected.append(fault)
        return selected

    def _unprocessed(
        self, fault: Fault, target: FaultTarget, now_seconds: float
    ) -> ReplayResponse | StreamedResponse:
        """Return the answer of a fault that hits a call before it is processed."""
        request = target.request
        match fault.kind.name:
            case "503":
                self._report_hit(fault, 0, target, "503 Service Unavailable")
                bodiless, gzips = request.method == b"HEAD", request_accepts_gzip(request)
                server = target.server or "master"
                return build_unavailable(server, self._date, bodiless=bodiless, gzips=gzips)
            case "307":
                leader = None if fault.value is None else str(fault.value)
                self._report_hit(fault, 0, target, f"307 to {leader or 'this server'}")
                return build_redirect(request, leader, self._date)
            case _:
                self._report_hit(fault, 0, target, "reset before it was processed")
                return build_reset(now_seconds)

    def _is_lost_for_good(self, fault: Fault) -> bool:
        """Return whether a client cannot get the record that a fault hit by subscribing again.

        It can if its next stream is not hit. After a `drop` it has no reason to subscribe again.
        """
        if fault.kind.name not in LOSING_FAULTS or (fault.kind.name == "stall" and fault.value):
            return False
        selector, next_call = fault.call_selector, self._call_counts[fault] + 1
        if fault.kind.name == "drop":
            return True
        return selector.share is None and selector.is_selected(next_call, lambda: 1.0)

    def _report_hit(
        self,
        fault: Fault,
        exchange: int,
        target: FaultTarget,
        effect: str,
        lost_record: int = 0,
    ) -> None:
        self._on_hit(
            FaultHit(
                fault=str(fault),
                exchange=exchange,
                call=str(target),
                effect=effect,
                lost_record=lost_record,
            )
        )

    def _describe(self, fault: Fault, hit_count: int) -> str:
        if hit_count:
            return f"fault {fault} fired {counted(hit_count, 'time')}"
        count = self._call_counts[fault]
        calls = f"{counted(count, 'such call')} {was(count)}" if count else "no such call was"
        return f"fault {fault} never fired: {calls} made"


def _call_selector(fault: Fault) -> Selector:
    """Return the selector of the calls that a fault hits, or whose streams it damages."""
    return fault.selector if fault.kind.scope == "call" else fault.call_selector
