"""Names whose values are secrets: of headers, labels, variables, query keys and JSON members.

    DB_PASSWORD  apiKey  X-Auth-Token  client.secret  sig          are such names
    token_count  SECRET_PATH  authentication_timeout               are not

A name is divided into its words. It names a secret if its last words do, so that what describes a
secret (its path, its size) is none.
"""

import re
from functools import lru_cache


def words(text: str) -> frozenset[str]:
    """Return the words of a text, which is shorter to read than a list of strings."""
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SECRET_WORDS = words(
    """
    apikey auth authorization bearer cookie credential credentials hmac jwt macaroon passcode
    passphrase passwd password passwords passwort psk pwd secret secrets sig signature sid token
    tokens
    """
)
_KINDS_OF_KEYS = words(
    """
    access account api auth client encryption license master private secret security session
    shared signing storage
    """
)
_SECRET_PAIRS = frozenset(f"{kind} key" for kind in _KINDS_OF_KEYS) | {
    *("connection string", "secret id", "session id", "webhook url"),
    *("secret value", "token value", "password value"),
}
_SECRET_ENDINGS = ("apikey", "passphrase", "passwd", "password", "secret", "secretkey", "token")
"""Endings of words that were joined: DBPASSWORD, accesstoken."""

_HARMLESS_NAMES = frozenset(
    ("page_token", "next_page_token", "csrf_token_name", "mesos-stream-id", "sec-websocket-key")
)

_SEPARATORS = ("", "_", "-", ".", " ")

KEYWORDS = (
    *(
        "auth",
        "bearer",
        "cookie",
        "credential",
        "hmac",
        "jwt",
        "macaroon",
        "passcode",
        "passphrase",
    ),
    *("passw", "psk", "pwd", "secret", "signature", "token"),
    *(short + end for short in ("sid", "sig") for end in '"=:\\'),
    *(
        first + separator + second
        for separator in _SEPARATORS
        for first, second in (
            *((kind, "key") for kind in sorted(_KINDS_OF_KEYS)),
            *(("connection", "string"), ("session", "id"), ("webhook", "url")),
        )
    ),
)
"""A text in which something has the name of a secret contains one of these, in any case."""


@lru_cache(4096)
def is_secret_name(name: str) -> bool:
    """Return whether the value of something with this name is a secret."""
    if len(name) > 256 or name.lower() in _HARMLESS_NAMES:
        return False
    parts = [part.lower() for part in _WORD.findall(name)]
    while parts and parts[-1].isdigit():
        parts.pop()
    if not parts:
        return False
    last = parts[-1]
    return (
        last in _SECRET_WORDS
        or last.endswith(_SECRET_ENDINGS)
        or " ".join(parts[-2:]) in _SECRET_PAIRS
    )
