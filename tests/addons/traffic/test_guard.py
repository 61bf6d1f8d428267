"""An error of the recorder changes nothing for clients, and is told.

The functions are not a list made by hand: they are those that run while clients are served.
"""

import functools
import os
from pathlib import Path
from types import CodeType

import pytest
from support import guarded_sessions
from support.guarded_sessions import Fault, Outcome, reached_functions, run_session

from mesotape.addons.traffic.guard import Guard, describe_error

ERRORS = [ValueError, OSError, KeyError, RuntimeError, RecursionError, MemoryError]
IS_COMPLETE = bool(os.environ.get("MESOTAPE_ALL_FAULTS"))
"""Whether each function raises each of the errors. By default each raises one of them."""

BORDER = {
    "guard": {"Guard.wrap", "Guard.wrap.<locals>.call"}
    | {"Guard.wrap_async", "Guard.wrap_async.<locals>.call"},
    "body_tap": {"BodyTap._tap"},
    "unparsed_requests": {"_wrap.<locals>.read_request_head", "_wrap.<locals>.make_error_response"},
    "writer_client": {"WriterClient._guarded"},
}
"""What stands at the border: functions that catch what is raised inside, and do nothing else."""

PROXY = {
    "http1_gaps": ("",),
    "head_limits": ("",),
    "shortcuts": ("",),
    "mitm": ("RecordingProxy.done", "StartGate.open", "StartGate.close"),
    "recorder": ("Recorder.done",),
    "writer_client": ("WriterClient.close", "WriterClient._end"),
    "writer_process": ("WriterProcess.end_input", "WriterProcess.leave", "WriterProcess.wait"),
}
"""What is no part of the recorder: HTTP itself, and the start and end of the process."""

TELLS_ON_STDERR = {
    "mitm": "Warnings",
    "console": "print_to_stderr",
    "messages": "MessageWriter",
    "shown_text": "",
}


def is_tested(code: CodeType) -> bool:
    module, name = Path(code.co_filename).stem, code.co_qualname
    if name in BORDER.get(module, ()):
        return False
    return not (module in PROXY and name.startswith(PROXY[module]))


@functools.cache
def functions() -> list[CodeType]:
    return [code for code in reached_functions() if is_tested(code)]


@functools.cache
def healthy() -> Outcome:
    return run_session()


def faults_of(error: type[Exception]) -> list[Fault]:
    number = ERRORS.index(error)
    chosen = functions() if IS_COMPLETE else functions()[number :: len(ERRORS)]
    return [Fault(code, error) for code in chosen]


def wrong_bytes(outcome: Outcome) -> list[str]:
    """Return the calls whose answer differs from that of the upstream.

    If the recorder cannot rewrite a Location, the client gets that of the upstream. If it does not
    know its name, the client gets its address.
    """
    other_redirects = [
        healthy().received["redirect"].replace(b"master.example", authority)
        for authority in (b"localhost:UPSTREAM", b"127.0.0.1:RECORDER")
    ]
    return [
        name
        for name, data in outcome.received.items()
        if data != healthy().received[name] and not (name == "redirect" and data in other_redirects)
    ]


def untold(fault: Fault, outcome: Outcome) -> list[str]:
    """Return how the error was not told."""
    module, name = Path(fault.code.co_filename).stem, fault.code.co_qualname
    tells = "failed: " + fault.error.__name__
    if not outcome.is_raised:  # The result was in a cache.
        return []
    missing = [] if outcome.failure else ["exit code"]
    if not (module in TELLS_ON_STDERR and name.startswith(TELLS_ON_STDERR[module])):
        missing += [] if fault.error.__name__ in outcome.stderr else ["stderr"]
    # Without an end, the writer process adds a note by itself.
    if outcome.is_ended and not any(tells in note for note in outcome.notes):
        missing.append("note")
    if "a secret" in outcome.stderr or any("a secret" in note for note in outcome.notes):
        missing.append("secrecy")
    return missing


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_any_function_changes_nothing_for_clients_and_is_told(
    error: type[Exception],
) -> None:
    wrong = dict[str, object]()
    for fault in faults_of(error):
        outcome = run_session(fault)
        if found := wrong_bytes(outcome) + untold(fault, outcome):
            wrong[str(fault)] = found
    assert not wrong


def test_the_session_reaches_the_recorder_its_taps_and_the_client_of_the_writer() -> None:
    modules = {Path(code.co_filename).stem for code in functions()}
    assert modules >= {"recorder", "leader_redirect", "flow_recorder", "proxied_exchange"}
    assert modules >= {
        "body_tap",
        "writer_client",
        "writer_process",
        "observations",
        "streaming",
        "hook_order",
    }
    assert len(functions()) > 100
    assert set(healthy().received) == set(guarded_sessions.CALLS)
    assert healthy().failure is None
    assert healthy().is_ended


def test_a_guard_calls_all_functions_and_what_to_do_otherwise() -> None:
    told: list[str] = []
    called: list[int] = []

    def fail(number: int) -> None:
        raise KeyError("secret")

    guard = Guard(told.append)
    guard.wrap(fail, called.append, fail, otherwise=lambda number: called.append(-number))(5)
    assert called == [-5, 5, -5]
    assert guard.count == 2
    (text,) = told
    assert text.startswith("KeyError in fail (test_guard.py:")


def test_a_report_that_raises_is_counted() -> None:
    def report(text: str) -> None:
        raise OSError(text)

    guard = Guard(report)
    guard.catch(ValueError())
    assert guard.count == 2


def test_an_error_without_a_place_has_its_type() -> None:
    assert describe_error(MemoryError()) == "MemoryError"
