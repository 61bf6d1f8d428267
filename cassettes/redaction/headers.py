"""Header fields and request targets without their secrets.

    Authorization: Basic b3BzOnN3b3JkZmlzaA==        Authorization: Basic REDACTED-1
    Cookie: session=abc; theme=dark                  Cookie: session=REDACTED-2; theme=REDACTED-3

The scheme of credentials stays, as do the names of cookies and of parameters.
"""

import re
from base64 import b64decode
from functools import partial

from ...proto.http.credentials import scheme_prefix
from ..format.documents import Headers
from ..known_secrets.placeholders import PLACEHOLDER
from .names import words
from .text import TextRedactor
from .urls import Replace, redact_query

_TOKEN_CHALLENGE = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,31} )([A-Za-z0-9._~+/-]+=*)")
"""A scheme and a token: `Negotiate YII…`."""

_PARAMETER = re.compile(
    r"(?<![\w!#$%&\'*+.^`|~-])([\w!#$%&\'*+.^`|~-]+[ \t]{0,3}=[ \t]{0,3})"
    r'("(?:[^"\\]|\\.)*"|[^\s,;"]+)'
)
_HARMLESS_PARAMETERS = ("realm", "charset", "algorithm", "qop", "error", "stale", "scope")
_COOKIE = re.compile(r"(?<![^=;,\s])([^=;,\s]*=)([^;]*)")
_COOKIE_ATTRIBUTES = words(
    """
    domain expires httponly max-age partitioned path priority samesite secure version
    """
)
_PLAIN_PROTOCOL = re.compile(r"[a-z]{1,12}(?:[.-]v?[0-9.]{1,5})?")
HEADER_KEYWORDS = ("sec-websocket-protocol:",)
"""Every other field that has a rule contains a keyword of names."""

_HARMLESS_HEADERS = frozenset(
    ("mesos-stream-id", "sec-websocket-key", "sec-websocket-accept", "host", "www-authenticate")
)


class HeaderRedactor:
    """Redacts header fields, and what follows the path in a request target.

    `name` is the name of the field that was redacted last.
    """

    def __init__(self, text: TextRedactor) -> None:
        self._text = text
        self.name = ""
        rules = {
            "authorization": ("authorization", self._credentials),
            "proxy-authorization": ("proxy-authorization", self._credentials),
            "x-forwarded-authorization": ("authorization", self._credentials),
            "cookie": ("cookie", self._cookies),
            "cookie2": ("cookie", self._cookies),
            "set-cookie": ("set-cookie", self._set_cookie),
            "set-cookie2": ("set-cookie", self._set_cookie),
            "www-authenticate": ("challenge", self._challenge),
            "proxy-authenticate": ("challenge", self._challenge),
            "authentication-info": ("challenge", self._challenge),
            "proxy-authentication-info": ("challenge", self._challenge),
            "sec-websocket-protocol": ("websocket-protocol", self._protocols),
        }
        self._names = frozenset(rules)
        self._rules = {
            name: partial(redact, partial(text.replace, rule))
            for name, (rule, redact) in rules.items()
            if rule in text.rules.ids
        }

    def is_suspect(self, headers: Headers, target: str = "") -> bool:
        """Return whether there may be a secret in a head, of which most have none.

        It is searched as a whole, which takes a tenth of the time that its values would take.
        """
        lines = [target]
        for name, value in headers.items():
            lines.append(f"{name}: {value if isinstance(value, str) else '\n'.join(value)}")
        head = "\n".join(lines)
        # In percent-encoding, a name has no keyword.
        return "%" in head or self._text.suspects.is_suspect(head.encode("utf-8", "surrogatepass"))

    def redact_headers(self, headers: Headers) -> Headers:
        """Return header fields with secrets replaced; the same object if there are none."""
        redacted: Headers = {
            name: self._redact(name, value)
            if isinstance(value, str)
            else [self._redact(name, each) for each in value]
            for name, value in headers.items()
        }
        return headers if redacted == headers else redacted

    def redact_target(self, target: str) -> str:
        """Return the target of a request with the secrets in its query and user info replaced."""
        if "url-query" in self._text.rules.ids:
            target = redact_query(target, partial(self._text.replace, "url-query"))
        return self._text.redact_text(target)

    def _redact(self, name: str, value: str) -> str:
        self.name = name
        lower = name.lower()
        if (redact := self._rules.get(lower)) is not None:
            return redact(value)
        is_harmless = lower in _HARMLESS_HEADERS or lower in self._names
        is_named = not is_harmless and self._text.name_rule(name) is not None
        if is_named and "secret-header" in self._text.rules.ids:
            return self._text.replace("secret-header", value)
        return self.redact_target(value)

    def _credentials(self, replace: Replace, value: str) -> str:
        scheme = scheme_prefix(value)
        credentials = value[len(scheme) :].strip()
        if not credentials or PLACEHOLDER.fullmatch(credentials):
            return value
        if scheme.lower() == "digest ":
            return scheme + self._challenge(replace, credentials)
        if scheme.lower() == "basic ":
            _learn_password(replace, credentials)
        return scheme + replace(credentials)

    def _cookies(self, replace: Replace, value: str) -> str:
        if "=" not in value:
            return replace(value)
        return _COOKIE.sub(lambda found: found[1] + _unquoted(replace, found[2]), value)

    def _set_cookie(self, replace: Replace, value: str) -> str:
        def without_value(found: re.Match[str]) -> str:
            if found[1][:-1].lower() in _COOKIE_ATTRIBUTES:
                return found.group()
            return found[1] + _unquoted(replace, found[2])

        return _COOKIE.sub(without_value, value) if "=" in value else replace(value)

    def _challenge(self, replace: Replace, value: str) -> str:
        def without_value(found: re.Match[str]) -> str:
            name = found[1].rstrip(" \t=").lower()
            return (
                found.group()
                if name in _HARMLESS_PARAMETERS
                else found[1] + _unquoted(replace, found[2])
            )

        if (token := _TOKEN_CHALLENGE.fullmatch(value)) is not None:
            return token[1] + replace(token[2])
        return _PARAMETER.sub(without_value, value)

    def _protocols(self, replace: Replace, value: str) -> str:
        return ", ".join(
            each if _PLAIN_PROTOCOL.fullmatch(each) else replace(each)
            for each in re.split(r"[ \t]{0,8},[ \t]{0,8}", value)
        )


def _unquoted(replace: Replace, value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return f'"{replace(value[1:-1])}"'
    return replace(value)


def _learn_password(replace: Replace, credentials: str) -> None:
    """Look for the password of Basic credentials elsewhere, too."""
    try:
        user_and_password = b64decode(credentials, validate=True).decode()
    except ValueError:
        return
    _, colon, password = user_and_password.partition(":")
    if colon and password:
        replace(password)
