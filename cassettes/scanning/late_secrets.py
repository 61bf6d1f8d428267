"""Secrets that a recording has written before it knew them.

A value may stand in a place that no rule names, and later in one that a rule does:

    {"task_added": {"task": {"name": "hunter2-hunter2"}}}        written
    Authorization: Bearer hunter2-hunter2                        a secret, from now on

So when a recording ends, what was written before the last secret was learnt is searched for all of
them, and if one is there, the cassette is redacted again. No text is parsed for the search.
"""

from pathlib import Path

from ..redaction.redactor import Redactor
from ..storage.reader import Cassette
from .rewriting import rewrite
from .secret_findings import has_known_secret


class LateSecrets:
    """Watches the secrets of a redactor while documents are written to a file."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known = redactor.secrets.sought_count
        self._searched_bytes = 0

    def watch(self, length_bytes: int) -> None:
        """Notice what the redactor has learnt; call this after each write, with the length."""
        if self._redactor.secrets.sought_count != self._known:
            self._known = self._redactor.secrets.sought_count
            self._searched_bytes = length_bytes

    def are_in(self, path: Path) -> bool:
        """Return whether a secret was written before it was known. Raises CassetteError."""
        if not self._searched_bytes:
            return False
        with Cassette.open(path, lenient=True, may_grow=True) as cassette:
            return has_known_secret(cassette, self._redactor.secrets, 0, self._searched_bytes)

    def redact(self, path: Path) -> bool:
        """Redact a file again; return whether no secret is left.

        Raises CassetteError and OSError; then the file is as it was.
        """
        with Cassette.open(path, lenient=True) as cassette:
            return not rewrite(cassette, self._redactor)
