"""Where in a text there may be a secret: nearly all texts have none, and are not read closer.

A text with a secret has a keyword of a rule, or a secret that was found before. Both are searched
in one pass each, block by block, so that a large text takes little memory.
"""

from array import array
from collections.abc import Iterable, Iterator
from heapq import merge

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from ...proto.compiled import check_usable
from .secrets import Secrets

try:
    check_usable("mesotape.cassettes.known_secrets")
    from . import _native as native
except ImportError:  # The automaton does the same.
    native = None

_BLOCK_BYTES = 64 * 1024
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
"""All bytes of a character in UTF-8 but the first."""


class SuspectSearch:
    """Searches for keywords, which are in lower case, and for secrets that are known.

    With `suspects_all`, every text is suspect, and every place in it.
    """

    def __init__(self, keywords: Iterable[str], secrets: Secrets, *, suspects_all: bool) -> None:
        self._secrets = secrets
        self._suspects_all = suspects_all
        self._keywords = sorted(set(keywords))
        self._overlap_bytes = max(map(len, self._keywords)) - 1
        self._automaton = BytesAhoCorasick(
            [word.encode() for word in self._keywords],
            matchkind=MatchKind.Standard,
            implementation=Implementation.DFA,  # the fastest for few patterns
        )
        if native is None:
            self._has_keyword = self._find_keyword
        else:  # It takes a third of the time of the automaton.
            search = native.KeywordSearch(tuple(word.encode() for word in self._keywords))
            self._has_keyword = search.is_in

    def is_suspect(self, data: bytes) -> bool:
        """Return whether there may be a secret in a text: if not, there is none."""
        if self._suspects_all:
            return True
        return self._has_keyword(data) or self._secrets.are_in(data)

    def words(self, data: bytes) -> set[str]:
        """Return the keywords in a text."""
        return {self._keywords[word] for _, hits in self._hits(data) for word, _, _ in hits}

    def positions(self, text: str) -> "array[int] | None":
        """Return the positions at which there may be secrets, in order; None if anywhere."""
        if self._suspects_all:
            return None
        positions = array("Q")
        # Keywords are ASCII, and so each character may be one byte.
        for start, hits in self._hits(text.encode("ascii", "replace")):
            positions.extend(sorted(start + begin for _, begin, _ in hits if begin < _BLOCK_BYTES))
        known = self._known_positions(text)
        return array("Q", merge(positions, known)) if known else positions

    def _find_keyword(self, data: bytes) -> bool:
        if len(data) <= _BLOCK_BYTES:  # nearly all are
            return bool(self._automaton.find_matches_as_indexes(data.lower()))
        return any(hits for _, hits in self._hits(data))

    def _known_positions(self, text: str) -> list[int]:
        data = text.encode("utf-8", "surrogatepass")
        found = self._secrets.find(data)
        if text.isascii():
            return [secret.begin for secret in found]
        positions: list[int] = []
        position = end = 0
        for secret in found:
            position += len(data[end : secret.begin].translate(None, _CONTINUATION_BYTES))
            end = secret.begin
            positions.append(position)
        return positions

    def _hits(self, data: bytes) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
        """Iterate over blocks: where each begins, and the number, begin and end of its keywords."""
        for start in range(0, len(data), _BLOCK_BYTES):
            block = data[start : start + _BLOCK_BYTES + self._overlap_bytes].lower()
            yield start, self._automaton.find_matches_as_indexes(block, overlapping=True)
