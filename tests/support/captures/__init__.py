"""Captures of a real Mesos cluster, and the two sides to play them: a server and a client.

For example:

    capture = load("two-clients")
    with Origin(capture) as origin:
        exchanges = run_client(capture, origin.address)
    assert [facts(each) for each in exchanges] == [facts(each) for each in expected(capture)]
"""

from .capture import (
    Capture,
    Exchange,
    Request,
    Response,
    expected,
    facts,
    load,
    names,
    names_for_formats,
)
from .client import run_client
from .origin import Origin
from .waiting import Stuck

__all__ = [
    "Capture",
    "Exchange",
    "Origin",
    "Request",
    "Response",
    "Stuck",
    "expected",
    "facts",
    "load",
    "names",
    "names_for_formats",
    "run_client",
]
