r"""What is a secret in a secret that was replaced as a whole.

    ops:hunter2-hunter2                         the password
    b3BzOmh1bnRlcjItaHVudGVyMg==                what that decodes to, and the password in it
    {"auths": {"h": {"auth": "b3BzOmh1…"}}}     random words, and what they decode to
    -----BEGIN PRIVATE KEY-----\nMIIEvQ…       the lines

They are looked for on their own, too. Only a part that looks random counts: a word of a language, a
path or a number says nothing.
"""

import re
from base64 import b64decode
from collections.abc import Iterator

_MAX_PARTS = 64
_MAX_DEPTH = 3

_WORD = re.compile(rb"[A-Za-z0-9+/=_~-]{16,4096}")
_QUOTED = re.compile(rb"[\"']([!#-&(-\[\]-~]{8,256})[\"']")
_PASSWORD = re.compile(rb"[\w.@+-]{1,64}:([!-~]{8,256})")
_RANDOM = re.compile(r"\A(?=[^0-9]*+[0-9])(?=[^a-z]*+[a-z])(?=[^A-Z]*+[A-Z])")


def is_random(word: str) -> bool:
    """Return whether a word has digits and letters of both cases, as names seldom have."""
    return _RANDOM.match(word) is not None


def secret_parts(secret: bytes) -> list[tuple[bytes, bool]]:
    """Return the parts of a secret that are secrets themselves, and whether each is a password.

    What is no password only looks random.
    """
    return [*dict.fromkeys(_parts(secret, 0))][:_MAX_PARTS]


def _parts(secret: bytes, depth: int) -> Iterator[tuple[bytes, bool]]:
    if depth > _MAX_DEPTH:
        return
    if (password := _PASSWORD.fullmatch(secret)) is not None:
        yield password[1], True
    yield from ((word, False) for word in _QUOTED.findall(secret) if is_random(word.decode()))
    for word in _WORD.findall(secret):
        if not is_random(word.decode()):
            continue
        yield word, False
        if (decoded := _decode(word)) is not None:
            yield decoded, False
            yield from _parts(decoded, depth + 1)


def _decode(word: bytes) -> bytes | None:
    """Return what a word is in base64, if that is text."""
    digits = word.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        data = b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
        text = data.decode()
    except ValueError:
        return None
    return data if text.isprintable() or "\n" in text else None
