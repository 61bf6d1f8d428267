"""A running server, subscribed to: rows as the events come."""

import http.client
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from ...cassettes.inspection.rows import Row
from ...cassettes.inspection.stream_rows import StreamOrigin, StreamRows
from ...proto.api.apis import MASTER
from ...proto.api.negotiation import JSON, PROTOBUF, Encoding
from ...proto.messages.descriptors import message_class
from ..commands.console import CommandError
from .sources import SourceHints

CONNECT_SECONDS = 10.0
_MEDIA: dict[Encoding, str] = {"json": JSON, "protobuf": PROTOBUF}


def rows(
    url: str, reading: SourceHints, api_name: str | None, *, ca: str | None, insecure: bool
) -> Iterator[Row]:
    """Subscribe to the events of a master and give them until it ends the stream, or Ctrl-C.

    Raises CommandError if there is no server, or it does not answer with a stream.
    """
    if api_name not in (None, "master") or reading.server == "agent":
        raise CommandError(f"{url}: only the operator API of a master can be subscribed to")
    encoding = reading.encoding or "json"
    connection = _connected(url, ca, insecure=insecure)
    try:
        began = time.monotonic()
        response = _answer(connection, urlsplit(url).path, encoding)
        yield _exchange(url, response, time.monotonic() - began)
        stream = StreamRows(
            StreamOrigin(1, 1, call="SUBSCRIBE"),
            MASTER.event_message,
            encoding,
            max_record_bytes=reading.max_record_bytes,
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
        raise CommandError(f"{url}: cannot be subscribed to: {error}") from error
    finally:
        connection.close()


def _connected(url: str, ca: str | None, *, insecure: bool) -> http.client.HTTPConnection:
    address = urlsplit(url)
    if address.hostname is None:
        raise CommandError(f"{url}: expected the URL of a master, like http://127.0.0.1:5050")
    if address.scheme == "http":
        return http.client.HTTPConnection(
            address.hostname, address.port or 80, timeout=CONNECT_SECONDS
        )
    try:
        trust = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise CommandError(f"{ca}: cannot be read: {error.strerror}") from error
    if insecure:
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(
        address.hostname, address.port or 443, timeout=CONNECT_SECONDS, context=trust
    )


def _answer(
    connection: http.client.HTTPConnection, path: str, encoding: Encoding
) -> http.client.HTTPResponse:
    media = _MEDIA[encoding]
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
        place = response.getheader("Location")
        more = f"; it names {place} as the leader" if place else ""
        raise CommandError(f"subscribing gave {response.status} {response.reason}: {text}{more}")
    if connection.sock is not None:
        connection.sock.settimeout(None)
    return response


def _exchange(url: str, response: http.client.HTTPResponse, after: float) -> Row:
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
