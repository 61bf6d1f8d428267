"""URLs, query strings and forms without their secrets.

    https://admin:hunter2@host/x?token=abc&page=2    https://admin:REDACTED-1@host/x?token=REDACTED-2&page=2

Scheme, host, path and the names of parameters stay, so that a URL is still one.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote, unquote_plus

from .edits import replace_matches
from .names import is_secret_name

type Replace = Callable[[str], str]
"""From a secret to its placeholder."""

_USER_INFO = re.compile(r"(://)([^\s/?#@:\"'\\]{0,256})(?::([^\s/?#\"'\\@]{0,1024}))?@")
_PARAMETER = re.compile(r"(?<=[?&;])([^\s=&;#?\"'<>\\]{1,256})=([^\s&;#\"'<>\\]+)")


def redact_url(text: str, replace: Replace, *, keeps_query: bool = True) -> str:
    """Return a text whose URLs have no password, and no parameter with the name of a secret.

    With `keeps_query` false, the values of all parameters are replaced.
    """
    return redact_query(
        redact_user_info(text, replace) if "@" in text else text, replace, keeps_query=keeps_query
    )


def redact_user_info(text: str, replace: Replace) -> str:
    """Return a text with the passwords in URLs replaced; a user alone is a token if it is long."""

    def without_password(found: re.Match[str]) -> str:
        begin, user, password = found.groups()
        if password:
            return f"{begin}{user}:{replace(unquote(password))}@"
        if password is None and len(user) >= 20:
            return f"{begin}{replace(unquote(user))}@"
        return found.group()

    return replace_matches(_USER_INFO, text, without_password)


def redact_query(text: str, replace: Replace, *, keeps_query: bool = True) -> str:
    """Return a text in which secret parameters are replaced, in every `?a=b&c=d` in it."""

    def without_secret(found: re.Match[str]) -> str:
        name, value = found.groups()
        if keeps_query and not is_secret_name(unquote_plus(name)):
            return found.group()
        return f"{name}={replace(unquote_plus(value))}"

    return replace_matches(_PARAMETER, text, without_secret) if "=" in text else text


def redact_form(text: str, replace: Replace) -> str:
    """Return the body of a form, `a=b&c=d`, with the values of secret names replaced."""
    return redact_query("?" + text, replace)[1:]
