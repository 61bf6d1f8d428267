"""A recording in which an error ends nothing: a note is in place of what could not be recorded."""

import itertools
from collections.abc import Sequence

from ...cassettes.format.documents import Document, Exchange, Note
from ...cassettes.format.yaml_writer import format_document
from ...cassettes.recording import observations
from ...cassettes.recording.recording import Recording
from ..traffic.guard import describe_error


class GuardedRecording:
    """Makes documents of observations; `loss` is what the first error kept from being recorded."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.loss: str | None = None

    def make_documents(
        self, batch: Sequence[observations.AnyObservation]
    ) -> list[Document | bytes]:
        """Return the documents that a batch completes, with a note for one that raises."""
        documents: list[Document | bytes] = []
        for _, run in itertools.groupby(batch, observations.run_key):
            while (one := next(run, None)) is not None:  # again, if an error ended the run
                try:
                    documents.extend(self._recording.feed_run(one, run))  # noqa: B031
                except Exception as error:
                    documents.append(self._note_loss(error, one.at_seconds, one.exchange))
                    if isinstance(one, observations.RequestHead | observations.ResponseHead):
                        self._recording.drop(one.exchange)
        return documents

    def without_unformattable(
        self, documents: list[Document | bytes], at_seconds: float
    ) -> list[Document | bytes]:
        """Return documents, with a note in place of one that cannot be formatted."""
        formattable: list[Document | bytes] = []
        for document in documents:
            try:
                if not isinstance(document, bytes):
                    format_document(document)
                formattable.append(document)
            except Exception as error:
                number = document.exchange if isinstance(document, Exchange) else 0
                formattable.append(self._note_loss(error, at_seconds, number))
                self._recording.drop(number)
        return formattable

    def last_documents(
        self, text: str, at_seconds: float, left_out: Sequence[Document | bytes]
    ) -> list[Document | bytes]:
        """Return a note, and ends of all streams of which the exchange is not left out."""
        at = round(at_seconds, 6)
        missing = {each.exchange for each in left_out if isinstance(each, Exchange)}
        ends = [each for each in self._recording.stream_ends(at) if each.end not in missing]
        return [Note(note=text, at=at), *ends]

    def _note_loss(self, error: Exception, at_seconds: float, number: int) -> Note:
        """Return a note about what could not be recorded, of which the exit code tells too."""
        # The message of the error could quote a secret.
        self.loss = self.loss or f"not all is recorded: {describe_error(error)}"
        text = f"not recorded: {type(error).__name__}"
        return Note(note=text, at=round(at_seconds, 6), of=number or None)
