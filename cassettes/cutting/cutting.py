"""Cut a cassette out of another one.

    cut_cassette(Path("hour.yaml"), Choice(since=60, until=90), Path("cut.yaml"))

The cassette is read twice or, if only some calls and events of a scheduler are chosen, three times:
the heads of its documents, to select those that are kept, and then these themselves. They are
copied byte by byte, with their numbers and times, but for three things:

- The events of a stream are numbered from 1 on without a gap, so events after one that is left out
  get other numbers.
- A stream that goes on after the time chosen gets an end, `cause: stopped`: the recorder might have
  been stopped then. A replay keeps it open, as any such stream.
- A note after the header says what was chosen.
"""

from collections.abc import Callable
from pathlib import Path

from ..storage.new_file import check_is_not_read, new_file
from ..storage.reader import Cassette
from .choice import Choice
from .cut_writer import CutResult, CutWriter
from .first_states import first_states
from .head_reader import check_numbers, read_heads
from .kept_documents import KeptDocuments

_MOST_LISTED = 10


class NothingChosenError(LookupError):
    """No exchange and no event of the cassette is chosen."""


def cut_cassette(
    path: Path,
    choice: Choice,
    output: Path,
    on_progress: Callable[[int], None] = lambda percent: None,
) -> CutResult:
    """Write the chosen part of a cassette, and what that needs to play.

    `on_progress` gets percentages. Raises CassetteError, NothingChosenError, and OSError if the new
    file cannot be written.
    """
    with Cassette.open(path, may_grow=True) as cassette:
        check_is_not_read(output, [cassette])
        check_numbers(cassette)
        percent = 100 / max(1, cassette.document_count)
        kept = KeptDocuments(cassette, choice, lambda done: on_progress(int(done * percent / 2)))
        if not kept.exchanges:
            raise NothingChosenError(f"{path}: nothing is chosen{_hint(kept, choice)}")
        with new_file(output) as file:
            states = first_states(cassette, kept, choice.since) if choice.first_state else {}
            writer = CutWriter(cassette, choice, kept, states)
            for head in read_heads(cassette):
                on_progress(50 + int(head.document * percent / 2))
                file.writelines(writer.write(head))
            file.writelines(writer.finish())
    return writer.result


def _hint(kept: KeptDocuments, choice: Choice) -> str:
    """Return which parties there are, if none of those chosen is."""
    names = {name for each in kept.parties for name in (str(each), each.name, each.kind)}
    if not choice.parties or not names.isdisjoint(choice.parties):
        return f" by {choice}"
    listed = [str(each) for each in kept.parties[:_MOST_LISTED]]
    more = ", …" if len(kept.parties) > _MOST_LISTED else ""
    return f" by {choice}; the parties are {', '.join(listed)}{more}"
