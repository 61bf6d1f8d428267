"""`mesotape cut`: write a part of a cassette, with what that part needs to play."""

from pathlib import Path

from msgspec import Struct

from ...cassettes.cutting.choice import Choice
from ...cassettes.cutting.cutting import NothingChosenError, cut_cassette
from ..commands.console import EXIT_NO_MATCH, CommandError, print_to_stderr
from ..terminal.progress import progress
from .cassette_files import print_json_result, print_warnings, writing


class CutOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape cut`."""

    file: Path
    output: Path
    choice: Choice
    as_json: bool = False


def cut(options: CutOptions) -> int:
    """Cut the cassette. Return the exit code; raises CommandError."""
    path, output = options.file, options.output
    try:
        with writing(output), progress(f"cutting {path}") as shown:
            result = cut_cassette(path, options.choice, output, shown.advance)
    except NothingChosenError as error:
        raise CommandError(f"{error}; nothing was written", EXIT_NO_MATCH) from error
    if options.as_json:
        print_json_result(output, result)
        return 0
    print_warnings(result.warnings)
    needed = result.exchanges - result.chosen_exchanges + result.events - result.chosen_events
    print_to_stderr(
        f"{output}: {result.exchanges} of {result.all_exchanges} exchanges and"
        f" {result.events} of {result.all_events} events,"
        f" {needed} of them only because others need them"
    )
    return 0
