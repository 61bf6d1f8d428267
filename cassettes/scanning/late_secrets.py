"""Secrets that a recording has written before it knew them.

A value may stand in a place that no rule names, and later in one that a rule does:

    {"task_added": {"task": {"name": "hunter2-hunter2"}}}        written
    Authorization: Bearer hunter2-hunter2                        a secret, from now on

So when a recording ends, what was written before the last secret was learnt is searched for all of
them, and if one is there, the cassette is redacted again. No text is parsed for the search.
"""

from collections.abc import Sequence
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
        from ..storage.reader import Cassette
        from .secret_findings import has_known_secret

        secrets = self._redactor.secrets
        for number, path in enumerate(paths[: self._searched_parts], 1):
            with Cassette.open(path, lenient=True, may_grow=True, with_parts=False) as cassette:
                is_last = number == self._searched_parts
                stop = self._searched_bytes if is_last else cassette.length_bytes
                if has_known_secret(cassette, secrets, 0, stop):
                    return True
        return False

    def redact(self, paths: Sequence[Path]) -> bool:
        """Redact the files of a cassette again; return whether no secret is left.

        Raises CassetteError and OSError; then the file of which this is the error is as it was.
        """
        from ..storage.reader import Cassette
        from .rewriting import rewrite

        is_left = False
        for path in paths:
            with Cassette.open(path, lenient=True, with_parts=False) as cassette:
                is_left |= bool(rewrite([cassette], self._redactor))
        return not is_left
