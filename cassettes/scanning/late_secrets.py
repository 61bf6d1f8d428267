"""Secrets that a recording has written before it knew them.

A value may stand in a place that no rule names, and later in one that a rule does:

    {"task_added": {"task": {"name": "hunter2-hunter2"}}}        written
    Authorization: Bearer hunter2-hunter2                        a secret, from now on

So when a recording ends, what was written before the last secret was learnt is searched for all of
them, and if one is there, the cassette is redacted again. No text is parsed for the search.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from ..redaction.redactor import Redactor


class LateSecrets:
    """Watches the secrets of a redactor while documents are written to a file."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known = redactor.secrets.sought_count
        self._searched_parts = self._searched_bytes = 0

    def watch(self, part_count: int, length_bytes: int) -> None:
        """Notice what the redactor has learnt; call this after each write.

        The cassette has `part_count` files then, and the last one is `length_bytes` long.
        """
        if self._redactor.secrets.sought_count != self._known:
            self._known = self._redactor.secrets.sought_count
            self._searched_parts, self._searched_bytes = part_count, length_bytes

    def are_in(self, paths: Sequence[Path]) -> bool:
        """Return whether a secret was written before it was known. Raises CassetteError."""
        if not self._searched_parts:
            return False
        *earlier, last = paths[: self._searched_parts]
        if any(_examine(self._is_in, path) for path in earlier):
            return True
        return _examine(lambda path: self._is_in(path, self._searched_bytes), last)

    def redact(self, paths: Sequence[Path]) -> bool:
        """Redact the files of a cassette again; return whether no secret is left.

        Raises CassetteError and OSError; then the file of which this is the error is as it was.
        """
        is_left = False
        for path in paths:
            is_left |= _examine(self._is_left_in, path)
        return not is_left

    def _is_in(self, path: Path, stop: int | None = None) -> bool:
        """Return whether a file has a secret before an offset."""
        from ..storage.reader import Cassette
        from .secret_findings import has_known_secret

        with Cassette.open(path, lenient=True, may_grow=True, with_parts=False) as cassette:
            return has_known_secret(cassette, self._redactor.secrets, 0, stop)

    def _is_left_in(self, path: Path) -> bool:
        """Redact a file, but one that was uploaded only if need be; return if a secret is left."""
        from ..storage.reader import Cassette
        from .rewriting import rewrite

        if not path.stat().st_size and not self._is_in(path):
            return False
        with Cassette.open(path, lenient=True, with_parts=False) as cassette:
            return bool(rewrite([cassette], self._redactor))


def _examine(has_secret: Callable[[Path], bool], path: Path) -> bool:
    """Examine a file; again, in the store, if it was uploaded and emptied meanwhile."""
    from ..storage.opened_file import ChangedError

    try:
        return has_secret(path)
    except ChangedError:
        if path.stat().st_size:
            raise
        return has_secret(path)
