"""Secrets that a test plants in traffic, and the search for them in what was written.

source = SecretSource("seed")
source.secret("header Cookie")         a new secret, known by the name of its place
find_secrets(source.secrets, data)     the places whose secrets are in some bytes
"""

import base64
import random
import re
import string
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes


class SecretSource:
    """Makes secrets, and has them by the names of their places. Equal seeds give equal secrets."""

    def __init__(self, seed: str) -> None:
        self.secrets: dict[str, str] = {}
        self._random = random.Random(seed)

    def secret(self, place: str, characters: str = string.ascii_letters + string.digits) -> str:
        """Return a new secret, which only its place makes one."""
        text = "".join(self._random.choices(characters, k=21)) + "7Xq"
        return self.plant(place, text)

    def password(self, place: str) -> str:
        """Return a new secret with characters that have a meaning in URLs, JSON and shells."""
        return self.secret(place, string.ascii_letters + string.digits + "+/=!%~^*")

    def token(self, place: str) -> str:
        """Return a new secret that is known by its form."""
        return self.plant(place, "ghp_" + self.word(36))

    def word(self, size: int) -> str:
        """Return random letters and digits, which are not sought."""
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=size))

    def plant(self, place: str, text: str) -> str:
        """Return a secret that the caller has made."""
        assert place not in self.secrets, place
        self.secrets[place] = text
        return text


def find_secrets(secrets: Mapping[str, str], data: bytes) -> list[str]:
    """Return the places whose secrets are in some bytes: as they are, or as anything decodes them.

    Percent-encoding, the escapes of JSON and base64, also twice, are undone. In base64 a secret may
    begin at any digit.
    """
    readings = list(_readings(data))
    return [
        place
        for place, secret in secrets.items()
        if any(secret.encode() in each for each in readings)
    ]


_DIGITS = re.compile(rb"[A-Za-z0-9+/_-]{12,}")


def _readings(data: bytes, depth: int = 0) -> Iterator[bytes]:
    yield data
    if b"%" in data:
        yield unquote_to_bytes(data)
    if b"\\" in data:
        yield re.sub(rb"\\+(.)", rb"\1", data)
    if depth == 2:
        return
    for source in (data, re.sub(rb"\n\s*", b"", data)) if depth == 0 else (data,):
        for found in _DIGITS.finditer(source):
            digits = found.group().replace(b"-", b"+").replace(b"_", b"/")
            decoded = [
                base64.b64decode(digits[shift : shift + (len(digits) - shift) // 4 * 4])
                for shift in range(4)
            ]
            yield from _readings(b"\n\n".join(decoded), depth + 1)


def to_base64(text: str) -> str:
    """Return a text in base64."""
    return base64.b64encode(text.encode()).decode()
