"""The secrets of a recording: their placeholders, and where they occur again.

    placeholder("hunter2-hunter2")     REDACTED-1, and the same for the same secret
    find(data)                         the spans of all secrets seen so far, in any encoding

A secret is found again as it is, escaped as in JSON, percent-encoded, and in base64 at each of its
three alignments, also twice. Short or common values are replaced where a rule names them, and not
looked for elsewhere: nobody could read a cassette in which every "true" was replaced.

Secrets are in memory only. Nothing here is ever written.
"""

import re
from collections import Counter
from collections.abc import Iterator
from math import log2

from .parts import is_random, secret_parts
from .spellings import FoundSecret, SpellingIndex, digest

_MIN_SOUGHT_BYTES = 8
_MAX_SOUGHT_BYTES = 16 * 1024
_MIN_SIGNS = 3
"""Different bytes in a secret: `********` and `a a a a a` are everywhere."""

_MAX_UNCERTAIN_BYTES = 256
"""A longer value is only looked for if it is certainly a secret."""

_MAX_SOUGHT = 4_000
_MAX_UNCERTAIN_SOUGHT = 2_000
"""Secrets that are looked for, which takes 60 MB; beyond, only rules find them."""

_MAX_NUMBERS = 200_000
"""Secrets whose placeholders are known; if an older one is found again, it gets a new one."""

_COMMON = re.compile(
    r"\A(?:[0-9.,:%+-]*|[0-9.]+[ ]?[A-Za-z]{1,5}"  # numbers, addresses, sizes
    r"|[a-z]+|[A-Z]+|[A-Z][a-z]+"  # a word
    r"|(?:/[\w.@:-]*+)++|[\w.-]+(?::[0-9]+)?(?:/[\w./:-]*)?"  # paths, names of hosts and images
    r"|[a-z][a-z0-9+.-]*://[^\s@?]*)"
)
"""What a value looks like that is not looked for elsewhere if only its place made it a secret.

Groups that repeat are possessive: otherwise the matcher remembers each turn, and long inputs need
more memory than caches hold.
"""

_ENTROPY_BITS, _MIN_ENTROPY_BITS = 36, 18
"""Of a value that is looked for whatever its characters are, and of one with a digit or more kinds
of characters than words have."""

_WORD_KINDS = 2
_DIGIT = re.compile(r"[0-9]")
_KINDS = tuple(map(re.compile, (r"[a-z]", r"[A-Z]", r"[0-9]", r"[!-/:-@\[-`{-~]")))

_ALIKE = re.compile(r"\A(?:[A-Z0-9]++(?:[_-][A-Z0-9]++)*+|[a-z0-9]++(?:[._-][a-z0-9]++)*+)")


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
        self._sought = set[bytes]()  # digests
        self._index = SpellingIndex()

    @property
    def sought_count(self) -> int:
        """How many secrets are looked for everywhere."""
        return len(self._sought)

    def placeholder(self, secret: str | bytes, *, is_certain: bool = True) -> str:
        """Return the placeholder of a secret, which is looked for everywhere from now on.

        `is_certain` is false if only its place makes it a secret: then it is not looked for if it
        looks like a common value.
        """
        data = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
        key = digest(data)
        number = self._numbers.get(key)
        if number is not None and not is_certain:
            return f"REDACTED-{number}"  # whether to look for it was decided when it was new
        if number is None:
            number = self._numbers[key] = self._next_number
            self._next_number += not self._are_alike
            self.count += 1
            if len(self._numbers) > _MAX_NUMBERS:
                del self._numbers[next(iter(self._numbers))]
            parts = secret_parts(data) if len(data) <= _MAX_SOUGHT_BYTES else ()
            for part, is_password in parts:
                self._seek(part, number, is_certain=is_certain and is_password)
        self._seek(data, number, is_certain=is_certain)
        return f"REDACTED-{number}"

    def find(self, data: bytes) -> Iterator[FoundSecret]:
        """Iterate over the occurrences of known secrets, in order of their offsets."""
        return self._index.find(data)

    def are_in(self, data: bytes) -> bool:
        """Return whether there is a known secret in some bytes."""
        return self._index.has_stem(data) and next(self._index.find(data), None) is not None

    def _seek(self, data: bytes, number: int, *, is_certain: bool) -> None:
        limit = _MAX_SOUGHT if is_certain else _MAX_UNCERTAIN_SOUGHT
        if len(self._sought) >= limit or not _is_sought(data, is_certain=is_certain):
            return
        if (key := digest(data)) not in self._sought:
            self._sought.add(key)
            self._index.add(data, number)


def _is_sought(data: bytes, *, is_certain: bool) -> bool:
    if not _MIN_SOUGHT_BYTES <= len(data) <= _MAX_SOUGHT_BYTES or len(set(data)) < _MIN_SIGNS:
        return False
    if is_certain:
        return True
    if len(data) > _MAX_UNCERTAIN_BYTES:
        return False
    text = data.decode("utf-8", "surrogateescape")
    return _is_varied(text) and not (_COMMON.fullmatch(text) and _is_plain(text))


def _is_varied(text: str) -> bool:
    """Return whether a text could be random: not `</script>`, and not one sign many times."""
    size = len(text)
    entropy_bits = sum(count * log2(size / count) for count in Counter(text).values())
    if entropy_bits >= _ENTROPY_BITS:
        return True
    kinds = sum(kind.search(text) is not None for kind in _KINDS)
    return entropy_bits >= _MIN_ENTROPY_BITS and (kinds > _WORD_KINDS or bool(_DIGIT.search(text)))


def _is_plain(text: str) -> bool:
    """Return whether a text of a common form could not be a random secret."""
    words = re.findall(r"[A-Za-z0-9]{6,}", text)
    if any(len(word) >= 20 or is_random(word) for word in words):
        return False
    return bool(_ALIKE.fullmatch(text) or "/" in text)
