"""Record the answers of a running server to the calls of a cassette that only read."""

import http.client
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from ...cassettes.format.bodies import BodyFormat, decode_body
from ...cassettes.format.documents import Document, Exchange, Header, Response
from ...cassettes.format.yaml_writer import format_document
from ...cassettes.matching.recorded_request import recorded_request
from ...cassettes.matching.request_key import parse_request
from ...cassettes.storage.reader import Cassette
from ...proto.api.negotiation import ENCODINGS, Encoding
from ...proto.http.request import HttpRequest
from ..commands.console import CommandError
from ..inspect.follow import connection_to

_MAX_ANSWER_BYTES = 1 << 26
_SENT_HEADERS = ("content-type", "accept")
_FORMATS: dict[Encoding | None, BodyFormat] = {"json": "json", "protobuf": "proto", None: "other"}


class LiveServer(Struct, frozen=True):
    """A running server: its URL, and how its certificate is verified."""

    url: str
    ca: str | None = None
    insecure: bool = False


def record_answers(
    cassette: Cassette, numbers: Iterable[int], server: LiveServer, output: Path
) -> None:
    """Send calls of a cassette to a server, and write a cassette with its answers.

    Raises CommandError if the server cannot be reached, and CassetteError.
    """
    connection = connection_to(server.url, server.ca, insecure=server.insecure)
    try:
        with output.open("wb") as file:
            for document in _documents(cassette, numbers, connection):
                file.write(format_document(document))
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f"{server.url}: cannot be compared with: {error}") from error
    finally:
        connection.close()


def _documents(
    cassette: Cassette, numbers: Iterable[int], connection: http.client.HTTPConnection
) -> Iterator[Document]:
    recorded = cassette.header
    yield Header(
        mesotape=recorded.mesotape, server=recorded.server, recorded_at=recorded.recorded_at
    )
    began = time.monotonic()
    for number in numbers:
        exchange = cassette.exchange(number)
        request = recorded_request(cassette, exchange)
        at = time.monotonic() - began
        response = _send(request, exchange, cassette, connection)
        yield replace(exchange, at=round(at, 6), client=1, peer=None, response=response)


def _send(
    request: HttpRequest,
    exchange: Exchange,
    cassette: Cassette,
    connection: http.client.HTTPConnection,
) -> Response:
    call_type = parse_request(request, cassette.header.server).call_type
    headers = {name: value for name in _SENT_HEADERS if (value := request.header(name))}
    target = urlsplit(exchange.request.path).path
    connection.request("POST", target, request.body, headers)
    answer = connection.getresponse()
    if leader := answer.getheader("Location"):
        raise CommandError(f"{target}: answered with {answer.status}: the leader is at {leader}")
    data = answer.read(_MAX_ANSWER_BYTES + 1)
    if len(data) > _MAX_ANSWER_BYTES:
        raise CommandError(f"exchange {exchange.exchange}: the answer is over 64 MiB")
    media_type = answer.getheader("Content-Type") or ""
    encoding = ENCODINGS.get(media_type)
    message = call_type.response_message if call_type is not None and encoding else None
    body = decode_body(data, _FORMATS[encoding], message)
    return Response(after=0.0, status=answer.status, headers={"Content-Type": media_type}, **body)
