"""Documents without their secrets: what a recorder writes, and what `mesotape redact` makes.

    redactor = Redactor()
    redacted = redactor.redact(document)       the same object if there is no secret in it
    redactor.counts                            how often each rule fired

Bodies are redacted in the form in which a document shows them, so that a secret is replaced in JSON
and in protobuf alike. A redacted message in protobuf is encoded again, without unknown fields.
"""

import re
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, Self

from msgspec.structs import replace

from ...proto.http import content_codings
from ...proto.http.gzip_coding import ContentCodingError
from ...proto.http.headers import header_value, header_values
from ..format.documents import (
    Body,
    Document,
    Event,
    Exchange,
    Header,
    Headers,
    Note,
    Request,
    Response,
)
from ..known_secrets.secrets import Secrets
from ..known_secrets.spellings import FoundSecret
from .headers import HEADER_KEYWORDS, HeaderRedactor
from .json_text import JsonRedactor
from .lengths import fit_chunks, fit_length
from .members import KEYWORDS, MemberRedactor
from .protobuf import ProtobufRedactor
from .rules import DEFAULT_RULES, RuleSet
from .text import TextRedactor, is_binary
from .urls import redact_form

_FORM = "application/x-www-form-urlencoded"

_LISTEN_ADDRESS = re.compile(r"(?<=.)@(?:[\w.-]*:|\[[\w:.]*\]:)?[0-9]{1,5}\Z")
_CREDENTIALS = re.compile(r"://[^/@]*:(?![0-9]{1,5}\Z)[^/@]*\Z")
"""What stands before the `@` of a host, and not before that of a listen address."""

_MAX_PASSES = 4


class Redactors(NamedTuple):
    """What redacts texts, members of messages, JSON and headers: all with the same secrets."""

    text: TextRedactor
    members: MemberRedactor
    json: JsonRedactor
    headers: HeaderRedactor

    @classmethod
    def build(cls, rules: RuleSet, secrets: Secrets, counts: Counter[str]) -> Self:
        """Build all of them; they know each other, because a text may be JSON, too."""
        text = TextRedactor(rules, secrets, counts, (*KEYWORDS, *HEADER_KEYWORDS))
        members = MemberRedactor(text)
        json = JsonRedactor(members)
        text.redact_json = json.redact_json
        text.redact_message = ProtobufRedactor(members).redact_message
        return cls(text, members, json, HeaderRedactor(text))


class Redactor:
    """Redacts the documents of one cassette: the same secret gets the same placeholder.

    `first_number` is the number of its first placeholder.
    """

    def __init__(self, rules: RuleSet = DEFAULT_RULES, first_number: int = 1) -> None:
        self.counts = Counter[str]()
        self.rules = rules
        self.secrets = Secrets(first_number)
        self._first_number = first_number
        redactors = Redactors.build(rules, self.secrets, self.counts)
        self._text, self._json, self._headers = redactors.text, redactors.json, redactors.headers
        self._side = self._part = ""

    @property
    def has_placeholders(self) -> bool:
        """Whether there is a placeholder, in what was redacted or in the cassette before."""
        return self.secrets.count > 0 or self._first_number > 1

    @property
    def place(self) -> str:
        """Where a rule fires in the document: `request.headers.Cookie`, `json.tasks[0].data`."""
        inner = self._headers.name if self._part == "headers" else self._json.path
        return ".".join(filter(None, (self._side, self._part, inner))).replace(".[", "[")

    def on_found(self, callback: Callable[[str], None] | None) -> None:
        """Call a function with the rule each time that one fires; `place` is then where."""
        self._text.on_found = callback

    def is_suspect(self, data: bytes) -> bool:
        """Return whether a body may have a secret. If not, `redact` would not change it."""
        return self._text.suspects.is_suspect(data)

    def redact_bytes(self, data: bytes) -> bytes:
        """Return bytes that are no document without secrets; the same object if there are none."""
        return self._text.redact_bytes(data)

    def find_secrets(self, data: bytes) -> list[FoundSecret]:
        """Return where secrets are in some bytes, which are known from now on."""
        if not self.is_suspect(data):
            return []
        self._finder.redact_bytes(data)
        return list(self.secrets.find(data))

    @cached_property
    def _finder(self) -> TextRedactor:
        """A redactor of texts that adds to the known secrets, and does not count."""
        return Redactors.build(self.rules, self.secrets, Counter()).text

    def redact_upstream(self, upstream: str) -> str:
        """Return a URL, or a mode of mitmproxy (`reverse:http://host@listen:8080`), redacted."""
        self._side, self._part = "", "upstream"
        listen = _LISTEN_ADDRESS.search(upstream)
        if listen is not None and _CREDENTIALS.search(upstream[: listen.start()]):
            listen = None
        end = len(upstream) if listen is None else listen.start()
        return self._text.redact_text(upstream[:end]) + upstream[end:]

    def redact[D: Document](self, document: D) -> D:
        """Return a document without secrets; the same object if there are none."""
        # What is found at its end may also be at its beginning.
        for _ in range(_MAX_PASSES):
            count = self.secrets.count
            document = self._redact_once(document)
            if self.secrets.count == count:
                break
        return document

    def _redact_once[D: Document](self, document: D) -> D:
        match document:
            case Event():
                return self._redact_event(document)
            case Header() if document.upstream is not None:
                upstream = self.redact_upstream(document.upstream)
                if upstream == document.upstream:
                    return document
                return replace(document, upstream=upstream)
            case Exchange():
                request = self._redact_request(document.request)
                response = self._redact_response(document.response)
                if request is document.request and response is document.response:
                    return document
                return replace(document, request=request, response=response)
            case Note():
                self._side, self._part = "", "note"
                note = self._text.redact_text(document.note)
                return document if note is document.note else replace(document, note=note)
            case _:
                return document

    def _redact_event(self, event: Event) -> Event:
        self._side = ""
        redacted = self._redact_body(event, {})
        return (
            redacted if redacted is event else replace(redacted, chunks=fit_chunks(event, redacted))
        )

    def _redact_request(self, request: Request) -> Request:
        self._side = "request"
        redacted = self._redact_body(request, request.headers)
        path, headers = request.path, request.headers
        if self._headers.is_suspect(headers, path):
            self._part = "path"
            path = self._headers.redact_target(path)
            self._part = "headers"
            headers = self._headers.redact_headers(headers)
        if redacted is not request:
            headers = fit_length(headers, request, redacted)
        if redacted is request and path == request.path and headers is request.headers:
            return request
        return replace(redacted, path=path, headers=headers)

    def _redact_response(self, response: Response) -> Response:
        self._side = "response"
        redacted = self._redact_body(response, response.headers)
        headers = response.headers
        if self._headers.is_suspect(headers):
            self._part = "headers"
            headers = self._headers.redact_headers(headers)
        if redacted is not response:
            headers = fit_length(headers, response, redacted)
        if redacted is response and headers is response.headers:
            return response
        return replace(redacted, headers=headers)

    def _redact_body[B: Body](self, body: B, headers: Headers) -> B:
        redacted = self._redact_form(body, headers)
        if body.malformed is not None:
            self._part = "malformed"
            malformed = self._text.redact_text(body.malformed)
            if malformed is not body.malformed:
                redacted = replace(redacted, malformed=malformed)
        return redacted

    def _redact_form[B: Body](self, body: B, headers: Headers) -> B:
        """Redact the one form that a body has."""
        if body.json is not None:
            self._part = "json"
            json = self._redact_json(body.json)
            return body if json is body.json else replace(body, json=json)
        if body.proto is not None:
            self._part = "proto"
            return self._redact_proto(body, body.proto)
        if body.text is not None:
            self._part = "text"
            if is_binary(data := body.text.encode("utf-8", "surrogatepass")):
                return self._redact_binary(body, data)
            text = self._redact_text(body.text, headers)
            return body if text == body.text else replace(body, text=text)
        if body.base64 is not None:
            self._part = "base64"
            data = self._redact_bytes(body.base64, headers)
            return body if data is body.base64 else replace(body, base64=data)
        return body

    def _redact_json(self, json: str) -> str:
        if not self.is_suspect(json.encode("utf-8", "surrogatepass")):
            return json
        return self._json.redact_json(json)

    def _redact_proto[B: Body](self, body: B, proto: str) -> B:
        redacted = self._redact_json(proto)
        if redacted is not proto:
            return replace(body, proto=redacted, wire=None, wire_of=None)
        self._part = "wire"
        wire = body.wire
        # The bytes may have what the text does not show.
        if wire is None or not self.is_suspect(wire) or self._text.redact_bytes(wire) is wire:
            return body
        return replace(body, wire=None, wire_of=None)

    def _redact_binary[B: Body](self, body: B, data: bytes) -> B:
        """Redact a text that may be protobuf; with other lengths, it may be no text any more."""
        redacted = self._text.redact_bytes(data)
        if redacted is data:
            return body
        try:
            return replace(body, text=redacted.decode())
        except UnicodeDecodeError:
            return replace(body, text=None, base64=redacted)

    def _redact_text(self, text: str, headers: Headers) -> str:
        if header_value(headers, "content-type") == _FORM and "url-query" in self.rules.ids:
            text = redact_form(text, lambda secret: self._text.replace("url-query", secret))
        return self._text.redact_text(text)

    def _redact_bytes(self, data: bytes, headers: Headers) -> bytes:
        coding = ", ".join(header_values(headers, "content-encoding"))
        if not coding:
            return self._text.redact_bytes(data)
        try:
            plain = content_codings.decode(data, coding)
        except ContentCodingError:
            if "undecodable" not in self.rules.ids:
                return data
            self._text.count("undecodable")
            return b""
        try:
            text = plain.decode()
            redacted = self._redact_text(text, headers).encode()
        except UnicodeDecodeError:
            redacted = self._text.redact_bytes(plain)
        if redacted != plain:
            return content_codings.encode(redacted, coding)
        return self._text.redact_bytes(data)  # It may not be what its Content-Encoding says.
