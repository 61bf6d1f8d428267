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
from ...proto.http.request import Received
from ..answers.answer import Answer, StreamAnswer
from ..causality.container_input import Counts
from ..matching.misses import Miss
from ..matching.request_key import CallKey, Meaning, canonical, meaning, takes_gzip
from .answer_faults import AnswerDamage, lost, redirected, unavailable
from .fault_spec import Fault, Strike, parse_all
from .kinds import NOT_TAKEN
from .seeded_random import Dice
from .selector import Which
from .stream_faults import StreamDamage, numbered, plain

type Outcome = Answer | StreamAnswer | Miss

_APIS = {api.name: api for api in APIS}


class Called(Struct, frozen=True, kw_only=True):
    """A request as faults see it.

    `api` and `call` are empty for one that is no call. Equal `sense` is equal meaning, and `record`
    is the message of the records of a stream that answers.
    """

    request: Received
    server: ServerKind | None
    path: str
    api: str = ""
    call: str = ""
    sense: str = ""
    record: str | None = None

    def __str__(self) -> str:
        return self.call or self.path


def called(request: Received, kinds: Iterable[ServerKind | None], counts: Counts) -> Called:
    """Read a request as the first of some kinds of servers that takes it for a call."""
    asked: list[ServerKind | None] = [*kinds] or [None]
    found = [meaning(request, kind) for kind in asked]
    for what in found:
        if isinstance(what.key, CallKey):
            return _call(request, what, what.key, counts)
    plain = found[0]
    return Called(request=request, server=asked[0], path=plain.path, sense=repr(plain.key))


def _call(request: Received, what: Meaning, key: CallKey, counts: Counts) -> Called:
    api = _APIS[key.api]
    return Called(
        request=request,
        server=api.server,
        path=what.path,
        api=key.api,
        call=key.call,
        sense=f"{key.api}.{key.call} {canonical(counts(what.calls, api)).hex()}",
        record=None if what.type is None else what.type.record,
    )


def called_input(head: Received) -> Called:
    """Read the head of a streamed request, the input of a container."""
    path, call = head.target.decode("latin-1").partition("?")[0], "ATTACH_CONTAINER_INPUT"
    return Called(request=head, server="agent", path=path, api="agent", call=call, sense=call)


class Injection:
    """The faults of a replay. `date` is the Date header of answers that are made here.

    `on_strike` is called with every strike, at its moment. Raises FaultError for an invalid fault.
    """

    def __init__(
        self, faults: Sequence[str], seed: int, on_strike: Callable[[Strike], object], date: str
    ) -> None:
        self.faults = parse_all(faults)
        self.seed = seed
        self._on_strike = on_strike
        self._date = date
        self._came = Counter[Fault]()
        self._played = Counter[tuple[int, str]]()
        self._alike = Counter[str]()
        self._draws_calls = any(_of_calls(fault).share is not None for fault in self.faults)

    def report(self, struck: Mapping[str, int]) -> list[str]:
        """Tell people how often each fault struck."""
        return [self._told(fault, struck.get(str(fault), 0)) for fault in self.faults]

    def idle(self, struck: Mapping[str, int]) -> list[str]:
        """Tell people which faults never struck."""
        return [self._told(fault, 0) for fault in self.faults if not struck.get(str(fault))]

    def answer(self, call: Called, now_seconds: float, play: Callable[[], Outcome]) -> Outcome:
        """Answer a request that comes now, with the faults that strike it."""
        struck = self._struck(call)
        for fault in struck:
            if fault.kind.name in NOT_TAKEN:
                return self._untaken(fault, call, now_seconds)
        outcome = play()
        if not struck or isinstance(outcome, Miss) or not outcome.exchange:
            return outcome
        return self._damaged(struck, call, now_seconds, outcome)

    def strike(
        self, call: Called, now_seconds: float, answer: Answer | StreamAnswer
    ) -> Answer | StreamAnswer:
        """Give the answer to a streamed request, which is taken whatever strikes it."""
        struck = self._struck(call)
        for fault in struck:
            if fault.kind.name in NOT_TAKEN:
                return self._untaken(fault, call, now_seconds)
        return self._damaged(struck, call, now_seconds, answer) if struck else answer

    def _damaged(
        self,
        struck: Sequence[Fault],
        call: Called,
        now_seconds: float,
        outcome: Answer | StreamAnswer,
    ) -> Answer | StreamAnswer:
        self._played[outcome.exchange, call.api] += 1
        play_number = self._played[outcome.exchange, call.api]

        def dice(fault: Fault) -> Dice:
            return Dice(f"{self.seed} {fault} exchange {outcome.exchange} play {play_number}")

        def tell(fault: Fault, what: str) -> None:
            self._strike(fault, outcome.exchange, call, what)

        whole = AnswerDamage(struck, now_seconds, dice, tell)
        if isinstance(outcome, Answer):
            return whole.of_whole(outcome)
        steps = numbered(outcome.steps)
        for fault in struck:
            if fault.kind.scope == "record":
                damage = StreamDamage(fault, dice(fault), partial(tell, fault), call.record)
                steps = damage.steps(steps)
        return whole.of_stream(replace(outcome, steps=plain(steps)))

    def _struck(self, call: Called) -> list[Fault]:
        """Count the call, and tell which faults strike it."""
        alike = 0
        if self._draws_calls:
            self._alike[call.sense] += 1
            alike = self._alike[call.sense]
        struck: list[Fault] = []
        for fault in self.faults:
            if not fault.is_for(call.api, call.call, call.path):
                continue
            self._came[fault] += 1
            dice = Dice(f"{self.seed} {fault}")
            drawn = partial(dice.share, call.sense, alike)
            if _of_calls(fault).hits(self._came[fault], drawn):
                struck.append(fault)
        return struck

    def _untaken(self, fault: Fault, call: Called, now_seconds: float) -> Answer | StreamAnswer:
        """What comes instead of taking a call."""
        request = call.request
        match fault.kind.name:
            case "503":
                self._strike(fault, 0, call, "503 Service Unavailable")
                bodiless, gzips = request.method == b"HEAD", takes_gzip(request)
                server = call.server or "master"
                return unavailable(server, self._date, bodiless=bodiless, gzips=gzips)
            case "307":
                leader = None if fault.value is None else str(fault.value)
                self._strike(fault, 0, call, f"307 to {leader or 'this server'}")
                return redirected(request, leader, self._date)
            case _:
                self._strike(fault, 0, call, "reset, and not taken")
                return lost(now_seconds)

    def _strike(self, fault: Fault, exchange: int, call: Called, what: str) -> None:
        self._on_strike(Strike(fault=str(fault), exchange=exchange, call=str(call), what=what))

    def _told(self, fault: Fault, count: int) -> str:
        came = self._came[fault]
        if count:
            return f"fault {fault} struck {count} time{'s' if count > 1 else ''}"
        calls = (
            "no such call came" if not came else f"{came} such call{'s' if came > 1 else ''} came"
        )
        return f"fault {fault} never struck: {calls}"


def _of_calls(fault: Fault) -> Which:
    """Which calls a fault strikes, or strikes records of."""
    return fault.which if fault.kind.scope == "call" else fault.calls
