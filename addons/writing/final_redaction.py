"""The end of redaction: a note about the secrets that were replaced, and those known too late."""

from ...cassettes.format.documents import CassetteError
from ...cassettes.recording.writer import CassetteWriter
from ...cassettes.redaction.rules import counts_text
from ...cassettes.scanning.late_secrets import LateSecrets


class FinalRedaction:
    """Decides whether a cassette is to be redacted again once it is complete.

    That is so if some secrets were written too early, and if the header of a cassette that is
    continued does not list all rules, by which a replay compares requests.
    """

    def __init__(self, writer: CassetteWriter, late_secrets: LateSecrets) -> None:
        self.is_needed = False
        self._writer, self._late_secrets = writer, late_secrets

    def search(self) -> str | None:
        """Return the text of a note, None if there were no secrets. Raises CassetteError."""
        counts, file = self._writer.redactor.counts, self._writer.file
        if not counts or file.fd < 0:
            return None
        text = f"secrets replaced: {counts_text(counts)}"
        are_late = not file.is_renamed() and self._late_secrets.are_in(self._writer.part_paths)
        if are_late:
            text += "; some were known late, so the cassette was redacted again"
        self.is_needed = are_late or not self._writer.lists_rules
        return text

    def redact_again(self) -> str | None:
        """Redact the closed cassette; return what went wrong."""
        paths = self._writer.part_paths
        reason = "it is in a name"
        try:
            if self._late_secrets.redact(paths):
                return None
        except (CassetteError, OSError) as error:
            reason = str(error)
        return f"a secret is left: {reason}; run mesotape redact {paths[0]}"
