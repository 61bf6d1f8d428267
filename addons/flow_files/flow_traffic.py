"""A flow file as traffic that can be imported, in the order of time.

mitmproxy writes a flow when it ends, so the file is read twice: for the times, and flow by flow in
their order. What mitmproxy streamed has no body there.
"""

import datetime
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import msgspec
from mitmproxy.http import HTTPFlow

from ...cassettes.importing.traffic import (
    FreeConnections,
    Origins,
    Traffic,
    observe_all,
    with_record_chunks,
)
from ...cassettes.interchange.details import DETAILS_NAME, CassetteDetails, ExchangeDetails
from ...cassettes.interchange.losses import Losses
from ...cassettes.recording.whole_exchange import WholeExchange
from .flow_reader import FlowPlace, counts_text, read_flows, to_whole_exchange, wrong_members
from .flow_writer import CASSETTE_DETAILS_NAME


def read_flow_traffic(file: BinaryIO, origins: Origins, losses: Losses) -> Traffic:
    """Read a flow file. Raises FlowFileError, also while the traffic is read."""
    starts: list[tuple[float, FlowPlace]] = []
    others = Counter[str]()
    details: CassetteDetails | None = None
    for flow, place in read_flows(file):
        if not isinstance(flow, HTTPFlow):
            others[flow.type] += 1
            continue
        with wrong_members(place):
            if origins.keep(_origin(flow)):
                starts.append((flow.request.timestamp_start, place))
            details = _details(flow, CASSETTE_DETAILS_NAME, CassetteDetails) or details
    if others:
        losses.add(f"flows that are not HTTP are left out: {counts_text(others)}")
    starts.sort()
    header = None if details is None else details.header
    began = starts[0][0] if starts else 0.0
    recorded_at = datetime.datetime.fromtimestamp(began, datetime.UTC)
    exchanges = _exchanges(file, [place for _, place in starts], began, losses)
    return Traffic(
        tool="mitmproxy",
        recorded_at=recorded_at if header is None else header.recorded_at,
        origins=origins,
        header=header,
        items=observe_all(chain(exchanges, () if details is None else details.notes)),
    )


def _exchanges(
    file: BinaryIO, places: list[FlowPlace], began: float, losses: Losses
) -> Iterator[WholeExchange]:
    connections = FreeConnections()
    for number, place in enumerate(places, 1):
        file.seek(place.offset)
        flow, _ = next(read_flows(file))
        assert isinstance(flow, HTTPFlow)
        with wrong_members(place):
            details = _details(flow, DETAILS_NAME, ExchangeDetails)
            exchange = to_whole_exchange(flow, number, 0, began)
        if details is not None:
            yield details.apply(exchange)
            continue
        if flow.error is not None:
            losses.add(f"the exchange broke off, in whichever way: {flow.error.msg}", number)
        for message in (exchange.request, exchange.response):
            if message is not None and message.missing is not None:
                losses.add("bodies are not in the file: mitmproxy streamed them", number)
        ended_at = exchange.at if exchange.ended_at is None else exchange.ended_at
        client = connections.find(flow.client_conn.id, exchange.at, ended_at)
        numbered = msgspec.structs.replace(exchange, client=client)
        yield with_record_chunks(numbered, losses)


def _origin(flow: HTTPFlow) -> str:
    request = flow.request
    return f"{request.scheme}://{request.host}:{request.port}"


def _details[T](flow: HTTPFlow, name: str, of: type[T]) -> T | None:
    """Return what mesotape has written into the metadata of a flow."""
    text: Any = flow.metadata.get(name)
    return None if text is None else msgspec.json.decode(text, type=of)
