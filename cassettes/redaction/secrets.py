"""The secrets of a recording: their placeholders, and where they occur again.

    placeholder("hunter2-hunter2")     REDACTED-1, and the same for the same secret
    find(data)                         the spans of all secrets seen so far, in any encoding

A secret is found again as it is, escaped as in JSON, percent-encoded, and in base64 at each of its
three alignments, also twice. Short or common values are replaced where a rule names them, and not
looked for elsewhere: nobody could read a cassette in which every "true" was replaced.

Secrets are in memory only. Nothing here is ever written.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from .parts import is_random, secret_parts

PLACEHOLDER = re.compile(r"REDACTED-[0-9]{1,9}")
PLACEHOLDER_BEGINNINGS = (b"REDACTED-", b"UkVEQUNURUQt")
"""Of a placeholder as it is, and in base64."""

_MIN_SOUGHT_BYTES = 8
_MAX_SOUGHT_BYTES = 16 * 1024
_MAX_UNCERTAIN_BYTES = 256
"""A longer value is only looked for if it is certainly a secret: each one is kept in memory."""

_MAX_SOUGHT = 20_000
"""Secrets that are looked for; beyond, only rules find them."""

_MAX_NEW_SPELLINGS = 500

_MAX_NUMBERS = 200_000
"""Secrets whose placeholders are known; if an older one is found again, it gets a new one."""

_COMMON = re.compile(
    r"[0-9.,:%+-]*|[0-9.]+[ ]?[A-Za-z]{1,5}"  # numbers, addresses, sizes
    r"|[a-z]+|[A-Z]+|[A-Z][a-z]+"  # a word
    r"|(?:/[\w.@:-]*)+|[\w.-]+(?::[0-9]+)?(?:/[\w./-]*)?"  # paths, names of hosts and images
    r"|[a-z][a-z0-9+.-]*://[^\s@?]*"
)
"""What a value looks like that is not looked for elsewhere if only its place made it a secret."""

_ALIKE = re.compile(r"[A-Z0-9]+(?:[_-][A-Z0-9]+)*|[a-z0-9]+(?:[._-][a-z0-9]+)*")


class FoundSecret(NamedTuple):
    """An occurrence of a known secret between two offsets, and the number of its placeholder."""

    begin: int
    end: int
    number: int
    is_base64: bool


class Secrets:
    """The secrets found so far.

    `first_number` is the number of the first placeholder, and of all others if `are_alike`.
    `count` is how many secrets were found.
    """

    def __init__(self, first_number: int = 1, *, are_alike: bool = False) -> None:
        self.count = 0
        self._numbers: dict[bytes, int] = {}  # by digest
        self._next_number = first_number
        self._are_alike = are_alike
        self._sought = set[bytes]()
        self._spellings: dict[bytes, _Spelling] = {}
        # Building an automaton takes time for all its patterns. So new ones go into a second one,
        # which is built for each new secret, until it is large enough to be joined to the first.
        self._old, self._new = _Automaton({}), _Automaton({})
        self._new_spellings: dict[bytes, _Spelling] = {}

    def placeholder(self, secret: str | bytes, *, is_certain: bool = True) -> str:
        """Return the placeholder of a secret, which is looked for everywhere from now on.

        `is_certain` is false if only its place makes it a secret: then it is not looked for if it
        looks like a common value.
        """
        data = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
        digest = blake2b(data, digest_size=16).digest()
        number = self._numbers.get(digest)
        if number is None:
            number = self._numbers[digest] = self._next_number
            self._next_number += not self._are_alike
            self.count += 1
            if len(self._numbers) > _MAX_NUMBERS:
                del self._numbers[next(iter(self._numbers))]
            for part in secret_parts(data) if len(data) <= _MAX_SOUGHT_BYTES else ():
                self._seek_if_rare(part, number, is_certain=False)
        self._seek_if_rare(data, number, is_certain=is_certain)
        return f"REDACTED-{number}"

    def find(self, data: bytes) -> list[FoundSecret]:
        """Return the occurrences of known secrets, in order of their offsets."""
        found = self._old.find(data) + self._new.find(data)
        return sorted(found, key=lambda one: (one.begin, -one.end)) if len(found) > 1 else found

    def _seek_if_rare(self, data: bytes, number: int, *, is_certain: bool) -> None:
        if data not in self._sought and _is_sought(data, is_certain=is_certain):
            self._seek(data, number)

    def _seek(self, data: bytes, number: int) -> None:
        if len(self._sought) >= _MAX_SOUGHT:
            return
        self._sought.add(data)
        for pattern, is_base64 in _spellings(data):
            if pattern not in self._spellings:
                self._spellings[pattern] = self._new_spellings[pattern] = number, is_base64
        if len(self._new_spellings) > _MAX_NEW_SPELLINGS:
            self._old, self._new_spellings = _Automaton(self._spellings), {}
        self._new = _Automaton(self._new_spellings)


type _Spelling = tuple[int, bool]
"""The number of a placeholder, and whether the secret is in base64."""


class _Automaton:
    """Finds spellings of secrets; built when it is first used."""

    def __init__(self, spellings: dict[bytes, _Spelling]) -> None:
        self._patterns = [*spellings]
        self._of_pattern = [*spellings.values()]
        self._automaton: BytesAhoCorasick | None = None

    def find(self, data: bytes) -> list[FoundSecret]:
        if not self._patterns:
            return []
        if self._automaton is None:
            self._automaton = BytesAhoCorasick(self._patterns, matchkind=MatchKind.LeftmostLongest)
        return [
            FoundSecret(begin, end, *self._of_pattern[pattern])
            for pattern, begin, end in self._automaton.find_matches_as_indexes(data)
        ]


def _is_sought(data: bytes, *, is_certain: bool) -> bool:
    if not _MIN_SOUGHT_BYTES <= len(data) <= _MAX_SOUGHT_BYTES or not data.strip():
        return False
    if is_certain:
        return True
    if len(data) > _MAX_UNCERTAIN_BYTES:
        return False
    text = data.decode("utf-8", "surrogateescape")
    return not (_COMMON.fullmatch(text) and _is_plain(text))


def _is_plain(text: str) -> bool:
    """Return whether a text of a common form could not be a random secret."""
    words = re.findall(r"[A-Za-z0-9]{6,}", text)
    return not any(len(word) >= 20 or is_random(word) for word in words) and bool(
        _ALIKE.fullmatch(text) or "/" in text
    )


def _spellings(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Iterate over the ways in which a secret is written, and whether each is base64."""
    yield data, False
    text = data.decode("utf-8", "surrogateescape")
    if text.isprintable() or "\n" in text:
        escaped = {
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            json.dumps(json.dumps(text))[3:-3],
            json.dumps(text)[1:-1].replace("/", "\\/"),
        }
        yield from ((each.encode("utf-8", "surrogateescape"), False) for each in escaped)
    for safe in ("", "/"):
        for quoted in (quote(data, safe=safe), quote_plus(data, safe=safe)):
            yield quoted.encode(), False
            lower = re.sub("%[0-9A-F]{2}", lambda code: code.group().lower(), quoted)
            yield lower.encode(), False
    if len(data) >= _MIN_SOUGHT_BYTES:
        for once in _base64_interiors(data):
            yield once, True
            yield once.replace(b"+", b"-").replace(b"/", b"_"), True
            for twice in _base64_interiors(once):
                yield twice, True


def _base64_interiors(data: bytes) -> Iterator[bytes]:
    """Iterate over the base64 digits that depend on the data alone, at each alignment."""
    for shift in range(3):
        digits = b64encode(b"\0" * shift + data).rstrip(b"=")
        begin = (shift * 8 + 5) // 6
        end = (shift + len(data)) * 8 // 6
        yield digits[begin:end]
