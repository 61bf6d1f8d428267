"""Flows of mitmproxy as a Mesos server and its clients would make them."""

import warnings

with warnings.catch_warnings():
    # pyparsing has it that mitmproxy is to blame, at import.
    warnings.simplefilter("ignore", DeprecationWarning)
    from mitmproxy.test import taddons

from mitmproxy import http
from mitmproxy.contentviews import Metadata
from mitmproxy.test import tflow, tutils

from mesotape.proto.messages import mapping

__all__ = ["JSON", "PROTOBUF", "flow", "of_request", "of_response", "protobuf", "taddons"]

JSON = "application/json"
PROTOBUF = "application/x-protobuf"


def flow(
    call: bytes,
    answer: bytes | None = None,
    kind: str = JSON,
    path: str = "/api/v1",
    status: int = 200,
) -> http.HTTPFlow:
    """A call with its answer; without `answer` it is a stream that has just begun."""
    made = tflow.tflow(
        req=tutils.treq(method=b"POST", path=path.encode(), content=call, headers=headers(kind)),
        resp=tutils.tresp(status_code=status, content=answer, headers=headers(kind)),
    )
    if answer is None:
        assert made.response is not None
        made.response.timestamp_end = None
    return made


def headers(kind: str, **more: str) -> http.Headers:
    return http.Headers(content_type=kind, **more)


def of_request(made: http.HTTPFlow) -> Metadata:
    return Metadata(flow=made, http_message=made.request)


def of_response(made: http.HTTPFlow) -> Metadata:
    return Metadata(flow=made, http_message=made.response)


def protobuf(text: bytes, name: str) -> bytes:
    return mapping.decode(text, name).SerializeToString()
