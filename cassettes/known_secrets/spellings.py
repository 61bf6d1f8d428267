"""The ways in which a secret is written, and the search for all of them at once.

    index = SpellingIndex()
    index.add(b"hunter2-hunter2", 1)
    list(index.find(b"aHVudGVyMi1odW50ZXIy"))    [FoundSecret(0, 20, number=1, is_base64=True)]

A secret is found as it is, escaped as in JSON, percent-encoded, and in base64 at each of its three
alignments, also twice.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, MatchKind

_STEM_BYTES = 12
"""Bytes at the beginning of a spelling that are searched; a digest stands for the rest."""

_BLOCK_BYTES = 64 * 1024
"""Texts are searched block by block, because a list of all stems may be large."""

_MAX_NEW_STEMS = 250
_GROWTH = 4
_QUIET_SEARCHES = 4
"""Searches for each stem, after which all of them are put into one automaton."""


class FoundSecret(NamedTuple):
    """An occurrence of a known secret between two offsets, and the number of its placeholder."""

    begin: int
    end: int
    number: int
    is_base64: bool


class SpellingIndex:
    """Finds the spellings of any number of secrets.

    Only the first bytes of each are searched, and what begins with them is compared by a digest.
    So the memory for a secret does not depend on its length, and no long one is kept.
    """

    # Building an automaton takes time for all its patterns, and searching takes time for each
    # automaton. So new patterns go into a small one, which is built again for each new secret. When
    # it is full it becomes one of the others, which are merged so that each is a few times larger
    # than the next. When nothing new has come for as long as merging takes, all become one.

    def __init__(self) -> None:
        self._of_stem: dict[bytes, dict[int, dict[bytes, tuple[int, bool]]]] = {}
        """By the stem, by the length, by the digest: the number, and whether it is base64."""

        self._automata: list[_Automaton] = []
        self._newest = _Automaton([])
        self._quiet_searches = 0

    def add(self, secret: bytes, number: int) -> None:
        """Look for a secret from now on; `number` is that of its placeholder."""
        for pattern, is_base64 in spellings(secret):
            stem = pattern[:_STEM_BYTES]
            lengths = self._of_stem.get(stem)
            if lengths is None:
                lengths = self._of_stem[stem] = {}
                self._newest = _Automaton([*self._newest.stems, stem])
            lengths.setdefault(len(pattern), {}).setdefault(digest(pattern), (number, is_base64))
        self._quiet_searches = 0
        if len(self._newest.stems) >= _MAX_NEW_STEMS:
            self._keep_newest()
            automata = self._automata
            while len(automata) > 1 and len(automata[-2].stems) < _GROWTH * len(automata[-1].stems):
                self._merge(2)

    def has_stem(self, data: bytes) -> bool:
        """Return whether something may begin like a secret: if not, there is none."""
        if len(data) > _BLOCK_BYTES:
            return True
        return bool(self._newest.find(data)) or any(each.find(data) for each in self._automata)

    def find(self, data: bytes) -> Iterator[FoundSecret]:
        """Iterate over the occurrences in order, of those that overlap over the first."""
        self._quiet_searches += 1
        if self._quiet_searches == _QUIET_SEARCHES * len(self._of_stem):
            self._keep_newest()
            self._merge(len(self._automata))
        # Time is linear: where a text has been built so that comparing takes long, what begins
        # like a secret is taken for one.
        budget = 8 * len(data) + 1024
        position = 0
        for start in range(0, len(data), _BLOCK_BYTES):
            if position >= start + _BLOCK_BYTES:
                continue
            for begin, stem_end in self._stems_in(data, start):
                if begin < position:
                    continue
                secret, cost = self._compare(data, begin, stem_end, is_exact=budget > 0)
                budget -= cost
                if secret is not None:
                    position = secret.end
                    yield secret

    def _stems_in(self, data: bytes, start: int) -> Iterator[tuple[int, int]]:
        """Iterate over the begins and ends of stems in a block, the longest of each begin first."""
        block = data[start : start + _BLOCK_BYTES + _STEM_BYTES - 1]
        stems = self._newest.find(block)
        for automaton in self._automata:
            stems += automaton.find(block)
        if not stems:
            return
        # Sorting numbers is much faster than sorting tuples.
        keys = [begin << 4 | _STEM_BYTES - (end - begin) for _, begin, end in stems]
        keys.sort()
        for key in keys:
            if (begin := key >> 4) >= _BLOCK_BYTES:
                return
            yield start + begin, start + begin + _STEM_BYTES - (key & 15)

    def _compare(
        self, data: bytes, begin: int, stem_end: int, *, is_exact: bool
    ) -> tuple[FoundSecret | None, int]:
        """Return the longest secret that begins like a stem, and how many bytes were compared."""
        longest: FoundSecret | None = None
        cost = 0
        for length, numbers in self._of_stem[data[begin:stem_end]].items():
            end = begin + length
            if end > len(data) or (longest is not None and longest.end > end):
                continue
            cost += length
            spelling = (
                numbers.get(digest(data[begin:end])) if is_exact else next(iter(numbers.values()))
            )
            if spelling is not None:
                longest = FoundSecret(begin, end, *spelling)
        return longest, cost

    def _keep_newest(self) -> None:
        self._automata.append(self._newest)
        self._newest = _Automaton([])

    def _merge(self, count: int) -> None:
        """Replace the last automata by one."""
        stems = [stem for automaton in self._automata[-count:] for stem in automaton.stems]
        self._automata[-count:] = [_Automaton(stems)]


class _Automaton:
    """Finds stems; built when it is first used."""

    def __init__(self, stems: list[bytes]) -> None:
        self.stems = stems
        self._automaton: BytesAhoCorasick | None = None

    def find(self, data: bytes) -> list[tuple[int, int, int]]:
        """Return the number, begin and end of each stem."""
        if not self.stems:
            return []
        if self._automaton is None:
            self._automaton = BytesAhoCorasick(self.stems, matchkind=MatchKind.Standard)
        return self._automaton.find_matches_as_indexes(data, overlapping=True)


def digest(data: bytes) -> bytes:
    """Return what stands for a secret where it is not kept."""
    return blake2b(data, digest_size=16).digest()


def spellings(data: bytes) -> Iterator[tuple[bytes, bool]]:
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
    for once in base64_interiors(data):
        yield once, True
        yield once.replace(b"+", b"-").replace(b"/", b"_"), True
        for twice in base64_interiors(once):
            yield twice, True


def base64_interiors(data: bytes) -> Iterator[bytes]:
    """Iterate over the base64 digits that depend on the data alone, at each alignment."""
    for shift in range(3):
        digits = b64encode(b"\0" * shift + data).rstrip(b"=")
        begin = (shift * 8 + 5) // 6
        end = (shift + len(data)) * 8 // 6
        yield digits[begin:end]
