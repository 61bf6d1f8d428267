r"""Exchanges up to the body of their response, read fast: that is what opening a replay reads.

This knows the writer's layout of most exchanges as one expression, and reads headers once that come
again and again. It is as strict as `canonical`, which reads what is
laid out otherwise: where an exchange has something rare, the answer is None.
"""

import re

from . import fast_reader
from .documents import Exchange, Headers, Request, Response
from .fast_reader import OtherLayoutError
from .scalars import PLAIN_SCALAR_PATTERN

_VALUE = rf'(?:{PLAIN_SCALAR_PATTERN}|"[ !#-\[\]-~]*")'
_DEEP = r"  headers:\n((?:    [^\n]*\n)+)"
_SECONDS = r"([0-9]{1,12}\.[0-9]{6})"
_NUMBER = r"([1-9][0-9]{0,17})"
_EXCHANGE = re.compile(
    rf"---\nexchange: {_NUMBER}\nat: {_SECONDS}\nclient: {_NUMBER}\n(?:peer: ({_VALUE})\n)?"
    rf"request:\n  method: ({PLAIN_SCALAR_PATTERN})\n  path: ({_VALUE})\n(?:{_DEEP})?"
    r"(?:  (json|text|proto): \|-\n    (?![ \t\n])([^\n]*\n(?:    [^\n]*\n)*))?"
    rf"response:\n  after: {_SECONDS}\n(?:  status: ([1-9][0-9]{{2}})\n)?(?:{_DEEP})?"
    rf"(  stream: recordio\n)?(?:(\.\.\.\n\Z)|  (?:json|text|proto|base64): )"
)


def match_exchange_head(data: bytes, *, ends_in_body: bool) -> Exchange | None:
    """Read an exchange without the body of its response; `data` may be cut off within that.

    `ends_in_body` says that nothing but the body is behind its beginning.
    """
    text = fast_reader.decode_unescaped(data[: data.rfind(b"\n") + 1])
    found = None if text is None else _EXCHANGE.match(text)
    if found is None:
        return None
    number, at, client, peer, method, path, headers, form, block = found.groups()[:9]
    after, status, answer_headers, stream, end = found.groups()[9:]
    body = None if block is None else block[:-1].replace("\n    ", "\n")
    if not (ends_in_body or end) or (body is not None and body[-1:] in ("\n", "")):
        return None
    try:
        return Exchange(
            exchange=int(number),
            at=float(at),
            client=int(client),
            peer=None if peer is None else _plain(peer),
            request=Request(
                method=method,
                path=_plain(path),
                headers=_read(headers),
                json=body if form == "json" else None,
                text=body if form == "text" else None,
                proto=body if form == "proto" else None,
            ),
            response=Response(
                after=float(after),
                status=None if status is None else int(status),
                headers=_read(answer_headers),
                stream=None if stream is None else "recordio",
            ),
        )
    except OtherLayoutError:
        return None


def _plain(value: str) -> str:
    return value[1:-1] if value[0] == '"' else value


def _read(headers: str | None) -> Headers:
    return {} if headers is None else fast_reader.parse_header_lines(headers)
