"""Subscribe to a running master, and make rows of its events as they arrive."""

import http.client
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from ...cassettes.inspection.rows import Row
from ...cassettes.inspection.stream_rows import StreamOrigin, StreamRows
from ...proto.api.apis import MASTER
from ...proto.api.negotiation import JSON, PROTOBUF, Encoding
from ...proto.http.address import ServerUrl
from ...proto.messages.descriptors import message_class
from ..commands.console import CommandError, OptionError
from .sources import SourceHints

CONNECT_SECONDS = 10.0


def rows(
    url: str, hints: SourceHints, api_name: str | None, *, ca: str | None, insecure: bool
) -> Iterator[Row]:
    """Yield the events of a master until it ends the stream.

    Raises CommandError if the server cannot be reached, or does not answer with a stream.
    """
    if api_name not in (None, "master") or hints.server == "agent":
        raise OptionError(f"{url}: only the operator API of a master can be followed")
    encoding = hints.encoding or "json"
    connection = connection_to(url, ca, insecure=insecure)
    try:
        began = time.monotonic()
        response = _subscribe(connection, urlsplit(url).path, encoding)
        yield _exchange_row(url, response, time.monotonic() - began)
        stream = StreamRows(
            StreamOrigin(1, 1, call="SUBSCRIBE"),
            MASTER.event_message,
            encoding,
            max_record_bytes=hints.max_record_bytes,
            patient=False,
        )
        cause = "server"
        try:
            while data := response.read1():
                yield from stream.feed(data, round(time.monotonic() - began, 6))
        except (OSError, http.client.HTTPException):
            cause = "server-cut"
        yield from stream.close(round(time.monotonic() - began, 6), cause)
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f"{url}: cannot subscribe: {error}") from error
    finally:
        connection.close()


def connection_to(url: str, ca: str | None, *, insecure: bool) -> http.client.HTTPConnection:
    """Return a connection to a server, which is opened by its first request.

    Raises CommandError if the URL or the file with the certificates is wrong.
    """
    try:
        scheme, address = ServerUrl.parse(url)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if scheme == "http":
        return http.client.HTTPConnection(*address, timeout=CONNECT_SECONDS)
    try:
        tls = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise CommandError(f"{ca}: cannot be read: {error.strerror}") from error
    if insecure:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(*address, timeout=CONNECT_SECONDS, context=tls)


def _subscribe(
    connection: http.client.HTTPConnection, path: str, encoding: Encoding
) -> http.client.HTTPResponse:
    media = JSON if encoding == "json" else PROTOBUF
    body = b'{"type":"SUBSCRIBE"}'
    if encoding == "protobuf":
        call = message_class(MASTER.call_message)
        names = call.DESCRIPTOR.enum_types_by_name["Type"].values_by_name
        body = call(type=names["SUBSCRIBE"].number).SerializeToString()
    headers = {"Content-Type": media, "Accept": media}
    connection.request("POST", path if len(path) > 1 else "/api/v1", body, headers)
    response = connection.getresponse()
    if response.status != 200:
        text = response.read(300).decode(errors="replace").strip()
        leader = response.getheader("Location")
        hint = f"; the leader is at {leader}" if leader else ""
        status = f"{response.status} {response.reason}"
        raise CommandError(f"SUBSCRIBE was answered with {status}, expected 200: {text}{hint}")
    if connection.sock is not None:
        connection.sock.settimeout(None)
    return response


def _exchange_row(url: str, response: http.client.HTTPResponse, after: float) -> Row:
    return Row(
        row_type="exchange",
        at=round(after, 6),
        exchange=1,
        client=1,
        peer=None,
        call="SUBSCRIBE",
        type="SUBSCRIBE",
        method="POST",
        path=urlsplit(url).path or "/api/v1",
        status=response.status,
        text="recordio",
    )
