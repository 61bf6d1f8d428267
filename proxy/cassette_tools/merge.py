"""`mesotape merge`: write one cassette from those of several recorders."""

from pathlib import Path

from msgspec import Struct

from ...cassettes.merging.merging import merge_cassettes
from ...proto.counted import counted
from ..commands.console import OptionError, print_to_stderr
from ..terminal.progress import progress
from .cassette_files import find_cassettes, print_json_result, print_warnings, writing


class MergeOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape merge`."""

    files: tuple[Path, ...]
    output: Path
    as_json: bool = False


def merge(options: MergeOptions) -> int:
    """Merge the cassettes. Return the exit code; raises CommandError."""
    paths, output = list(find_cassettes(options.files)), options.output
    if len(paths) < 2:
        raise OptionError(f"expected two or more cassettes, found {len(paths)}")
    with writing(output), progress(f"merging {counted(len(paths), 'cassette')}") as shown:
        result = merge_cassettes(paths, output, shown.advance)
    if options.as_json:
        print_json_result(output, result)
        return 0
    print_warnings(result.warnings)
    print_to_stderr(
        f"{output}: {counted(result.exchanges, 'exchange')} of"
        f" {counted(result.cassettes, 'cassette')},"
        f" {result.documents} documents"
    )
    if result.mixed_servers:
        servers = ", ".join(result.mixed_servers)
        print_to_stderr(f"a replay of {output} cannot tell these servers apart: {servers}")
    return 0
