"""HTTP exchanges beside the API with secrets: in headers, URLs, forms, texts and other JSON."""

import base64
import json
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from mesotape.proto.api.negotiation import JSON
from mesotape.proto.http import content_codings
from support.planted_secrets import SecretSource, to_base64

type Fields = list[tuple[str, str]]


class PlantedExchange(NamedTuple):
    """A request and its response; the body of a stream is `records`, one chunk each."""

    name: str
    method: str
    target: str
    request_headers: Fields
    request_body: bytes
    status: int
    response_headers: Fields
    response_body: bytes = b""
    records: tuple[bytes, ...] = ()
    is_stream: bool = False


class PlantedPlainExchanges:
    """Builds the exchanges with secrets of a source."""

    def __init__(self, source: SecretSource) -> None:
        self.source = source
        self.secret, self.password, self.token = source.secret, source.password, source.token

    def exchanges(self) -> Iterator[PlantedExchange]:
        """Iterate over the exchanges, each with secrets in one place."""
        text = [("Content-Type", "text/plain")]
        for name, value in (
            ("Authorization", f"Bearer {self.secret('header Authorization')}"),
            ("Authorization", "Basic " + to_base64(f"ops:{self.password('header Basic')}")),
            (
                "Authorization",
                f'Digest username="u", response="{self.secret("header Digest")}"',
            ),
            ("Authorization", f"token={self.secret('header token')}"),
            (
                "Proxy-Authorization",
                f"Basic {to_base64('p:' + self.secret('header Proxy'))}",
            ),
            ("X-Api-Key", self.password("header X-Api-Key")),
            ("X-Auth-Token", self.secret("header X-Auth-Token")),
            ("X-Vault-Token", self.secret("header X-Vault-Token")),
            ("X-Amz-Security-Token", self.password("header X-Amz-Security-Token")),
            (
                "Cookie",
                f"a={self.secret('header Cookie')}; b={self.secret('second cookie')}",
            ),
            ("Cookie2", self.secret("header Cookie2")),
            ("X-Forwarded-Authorization", f"Bearer {self.secret('header X-Forwarded')}"),
            (
                "Referer",
                f"http://u:{self.secret('header Referer')}@h/?key={self.token('Referer')}",
            ),
            ("Sec-WebSocket-Protocol", f"chat, {self.secret('header Sec-WebSocket')}"),
            ("X-Custom", f"see https://u:{self.secret('any header')}@h/"),
            ("X-Note", self.token("any header token")),
        ):
            yield PlantedExchange(name, "GET", "/version", [(name, value)], b"", 200, text, b"ok")
        for name, value in (
            ("Set-Cookie", f"sid={self.secret('header Set-Cookie')}; Path=/; HttpOnly"),
            ("Set-Cookie2", f"sid={self.secret('header Set-Cookie2')}; Path=/"),
            ("WWW-Authenticate", f'Digest realm="m", nonce="{self.secret("header WWW")}"'),
            (
                "Authentication-Info",
                f'rspauth="{self.secret("header Authentication-Info")}"',
            ),
            ("Location", f"//m:5050/x?access_token={self.secret('header Location')}"),
            ("X-Secret", self.secret("response header")),
        ):
            yield PlantedExchange(
                name, "GET", "/version", [], b"", 200, [*text, (name, value)], b"ok"
            )
        for target in (
            f"/files?token={self.secret('query')}",
            f"/files?a=b&api_key={quote(self.password('query percent'), safe='')}",
            f"/files?secret={quote(to_base64(self.secret('query base64')))}",
            f"http://ops:{self.secret('user info')}@m:5050/version",
        ):
            yield PlantedExchange("target", "GET", target, [], b"", 200, text, b"ok")
        form = f"user=u&password={quote(self.password('form'), safe='')}&b=c"
        form_type = [("Content-Type", "application/x-www-form-urlencoded")]
        yield PlantedExchange("form", "POST", "/login", form_type, form.encode(), 200, text, b"ok")
        for name, body in self._texts():
            yield PlantedExchange(name, "GET", "/x", [], b"", 200, text, body)
        yield PlantedExchange(
            "state", "GET", "/state", [], b"", 200, [("Content-Type", JSON)], self._state("v0")
        )
        for name in ("gzip", "deflate", "br", "zstd"):
            coding = [("Content-Type", JSON), ("Content-Encoding", name)]
            body = content_codings.encode(self._state(name), name)
            yield PlantedExchange(name, "GET", "/state", [], b"", 200, coding, body)

    def _texts(self) -> Iterator[tuple[str, bytes]]:
        yield "text", f"password={self.secret('text')} and more".encode()
        yield "yaml", f"db:\n  password: '{self.password('text yaml')}'\n".encode()
        yield (
            "ini",
            f"[default]\naws_secret_access_key = {self.secret('text ini')}\n".encode(),
        )
        yield "url", f"go to amqp://u:{self.secret('text url')}@mq:5672/v".encode()
        yield "key", f"-----BEGIN PRIVATE KEY-----\n{self.secret('text key')}\n".encode()
        header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
        payload = self.source.plant("text jwt", "eyJ" + self.source.word(40))
        jwt = f"{header}.{payload}.{self.secret('text jwt signature')}"
        yield "jwt", f"got {jwt}.".encode()
        yield "latin-1", f"caf\xe9 token={self.secret('text not UTF-8')}".encode("latin-1")
        yield "broken", f'{{"password": "{self.secret("text broken JSON")}", "x'.encode()
        yield "basic", b"Basic " + to_base64(f"me:{self.secret('text basic')}").encode()

    def _state(self, place: str) -> bytes:
        """Return JSON as `/state` has it: no API, other names, and maps as environments."""
        return json.dumps(
            {
                "flags": {
                    "authenticate": "true",
                    "zk": f"zk://u:{self.secret(f'{place} zk')}@h/m",
                },
                "frameworks": [
                    {
                        "id": "f-1",
                        "webui_url": f"http://h/?token={self.secret(f'{place} webui')}",
                        "executors": [
                            {
                                "executor_id": "e",
                                "command": {
                                    "environment": {
                                        "variables": [
                                            {
                                                "name": "A",
                                                "value": self.secret(f"{place} environment"),
                                            }
                                        ]
                                    },
                                    "value": f"run {self.secret(f'{place} command')}",
                                },
                                "labels": [
                                    {
                                        "key": "api_key",
                                        "value": self.secret(f"{place} label"),
                                    }
                                ],
                                "env": {"PLAIN": self.secret(f"{place} env map")},
                            }
                        ],
                    }
                ],
                "client_secret": self.secret(f"{place} member"),
            },
            indent=1,
        ).encode()
