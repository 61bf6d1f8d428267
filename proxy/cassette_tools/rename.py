"""`mesotape rename`: write a cassette with readable ids, hosts and times."""

from pathlib import Path

from msgspec import Struct

from ...cassettes.renaming.renaming import rename_cassette
from ..commands.console import EXIT_WARNINGS, print_to_stderr
from ..terminal.progress import progress
from .cassette_files import print_json_result, print_warnings, writing

_MOST_LISTED = 10


class RenameOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape rename`."""

    file: Path
    output: Path
    ids: bool = True
    hosts: bool = True
    times: bool = True
    as_json: bool = False


def rename(options: RenameOptions) -> int:
    """Rename. Return the exit code; raises CommandError."""
    output = options.output
    with writing(output), progress(f"renaming {options.file}") as shown:
        result = rename_cassette(
            options.file,
            output,
            ids=options.ids,
            hosts=options.hosts,
            times=options.times,
            on_progress=shown.advance,
        )
    if options.as_json:
        print_json_result(output, result)
    else:
        print_warnings(result.warnings)
        counts = [f"{noun} {count}" for noun, count in sorted(result.counts.items())]
        moved = f"times moved by {result.moved_seconds} s" if result.moved_seconds else ""
        text = ", ".join(filter(None, [*counts, moved])) or "nothing to rename"
        print_to_stderr(f"{output}: {text}")
        for place in result.left[:_MOST_LISTED]:
            print_to_stderr(f"{place}: an old name is left in bytes that are no text")
        if (more := len(result.left) - _MOST_LISTED) > 0:
            print_to_stderr(f"{more} more documents have an old name in bytes that are no text")
    return EXIT_WARNINGS if result.left else 0
