"""The verdict on a replay: all that keeps it from being a success.

    judge(responder, failures, requirement)  ->  [] or problems, the most severe kind first

The command takes its exit code from the first problem, and the pytest plugin and `Player` fail with
the texts of all.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Literal

from msgspec import Struct

from ...cassettes.format.documents import CassetteError
from ...cassettes.format.exchange_ref import ExchangeRef
from ...cassettes.matching.advice import Setting
from ...cassettes.matching.recorded_request import recorded_request
from ...cassettes.matching.request_key import parse_request
from ...cassettes.playback.requirement import Requirement
from ...cassettes.storage.reader import Cassette
from ...proto.counted import counted
from ...proto.shown_text import escape_message
from ..http.proxy_variables import proxy_variable
from ..server.answering import Responder

_MAX_NAMED = 10
"""Exchanges that are named in the text of one problem."""

type ProblemKind = Literal["failed", "missed", "left_out", "idle_fault", "unmet"]


class Problem(Struct, frozen=True):
    """A problem of a replay, with a text of one or more lines.

    `failed`       a request or a stream could not be played
    `missed`       a request had no recorded answer, or was refused as Mesos does
    `left_out`     a mutating call was not made although its party took part
    `idle_fault`   a fault never fired
    `unmet`        a required exchange was not used
    """

    kind: ProblemKind
    text: str


class ReplayError(AssertionError):
    """A replay was no success; the text has its problems, and what is still held."""


def judge(
    responder: Responder,
    failures: Sequence[str],
    requirement: Requirement,
    url: str,
) -> list[Problem]:
    """Return the problems since the start, ordered by kind as `Problem` lists them.

    `url` is that of the replay. If requests without a recorded answer are made to an upstream, only
    failures are problems.
    """
    problems = [Problem("failed", text) for text in failures]
    if not responder.has_upstream:
        problems += _problems_without_upstream(responder, requirement, url)
    return [Problem(each.kind, escape_message(each.text)) for each in problems]


def _problems_without_upstream(
    responder: Responder, requirement: Requirement, url: str
) -> list[Problem]:
    journal, playback = responder.journal, responder.playback
    problems = [Problem("missed", str(each)) for each in (*journal.misses, *journal.refusals)]
    total_count = journal.missed_count + journal.refused_count
    if more := total_count - len(journal.misses) - len(journal.refusals):
        problems.append(
            Problem("missed", f"and {counted(more, 'more request')} without a recorded answer")
        )
    cassettes = playback.cassettes
    problems += [
        Problem("left_out", describe_left_out(cassettes, ref)) for ref in responder.left_out
    ]
    idle = playback.injection.describe_idle_faults(journal.fault_hit_counts)
    problems += [Problem("idle_fault", text) for text in idle]
    unmet = unmet_exchanges(responder, requirement)
    is_known = requirement.amount == "any" and any(each.kind == "missed" for each in problems)
    if unmet is not None and not is_known:
        lines = _describe_unmet(responder, requirement, unmet)
        warning = bypassed_proxy(responder, url)
        lines = lines if warning is None else chain(lines, [f"note: {warning}"])
        problems.append(Problem("unmet", "\n  ".join(lines)))
    return problems


def unmet_exchanges(responder: Responder, requirement: Requirement) -> list[ExchangeRef] | None:
    """Return the required exchanges that were not used; None if the requirement is met."""
    journal = responder.journal
    # A fault that answers in place of the recording shows as well that the client made its call.
    is_used = bool(journal.served or journal.fault_hit_counts)
    return requirement.unmet(responder.playback, responder.unused, is_used=is_used)


def describe_call(cassettes: Sequence[Cassette], ref: ExchangeRef) -> str:
    """Return what an exchange requests, like `scheduler call ACCEPT`."""
    cassette = cassettes[ref.cassette]
    try:
        exchange = cassette.exchange(ref.exchange)
    except (CassetteError, OSError):
        return "a call that cannot be read again"
    parsed = parse_request(recorded_request(cassette, exchange), cassette.header.server)
    return parsed.description or f"{exchange.request.method} {exchange.request.path}"


def describe_exchange(
    cassettes: Sequence[Cassette], ref: ExchangeRef, path: str | None = None
) -> str:
    """Return number, call and place of an exchange; `path` is shown for that of the cassette."""
    cassette = cassettes[ref.cassette]
    place = f"{path or cassette.path}:{cassette.line_of_exchange(ref.exchange)}"
    return f"exchange {ref.exchange}, {describe_call(cassettes, ref)}, {place}"


def describe_left_out(cassettes: Sequence[Cassette], ref: ExchangeRef) -> str:
    """Return the message for a call that was left out."""
    cassette = f" of {cassettes[ref.cassette].path}" if len(cassettes) > 1 else ""
    call = f"exchange {ref.exchange}{cassette}, {describe_call(cassettes, ref)}"
    return f"left out: {call}: it was not made, but other calls of its party were"


def bypassed_proxy(responder: Responder, url: str) -> str | None:
    """Return a warning if no request arrived, and a proxy is set that may have got them."""
    name = proxy_variable(os.environ, url)
    if name is None or _count_requests(responder) or responder.journal.fault_hit_counts:
        return None
    return f"no request arrived, and {name} is set: a client that ignores NO_PROXY sends them there"


def _describe_unmet(
    responder: Responder,
    requirement: Requirement,
    unmet: Sequence[ExchangeRef],
) -> Iterator[str]:
    cassettes, audience = responder.playback.cassettes, responder.playback.audience

    def write(words: str) -> str:
        return audience.write(Setting("require", (words,)))

    yield f"{write(str(requirement))}: {_reason(responder, requirement, unmet)}"
    for ref in islice(unmet, _MAX_NAMED):
        yield f"not used: {describe_exchange(cassettes, ref)}"
    if len(unmet) > _MAX_NAMED:
        yield f"and {len(unmet) - _MAX_NAMED} more"
    if requirement.amount == "any":
        yield f"what to do: Let the client use the URL of the replay, or pass {write('none')}."
    else:
        less = f"{write('any')} or {write('none')}"
        yield f"what to do: Let the client make these calls, or require less: {less}."


def _reason(responder: Responder, requirement: Requirement, unmet: Sequence[ExchangeRef]) -> str:
    if not unmet:
        return "the recording has no exchanges"
    if requirement.amount != "any":
        return f"{counted(len(unmet), 'exchange')} not used"
    count = _count_requests(responder)
    return f"no exchange was used: {counted(count, 'request') if count else 'no requests'} arrived"


def _count_requests(responder: Responder) -> int:
    journal = responder.journal
    answered = journal.served_count + journal.missed_count + journal.refused_count
    return max(answered, len(responder.request_journal))  # The latter counts failures as well.
