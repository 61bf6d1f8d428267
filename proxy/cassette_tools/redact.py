"""`mesotape redact`: write cassettes without their secrets."""

from pathlib import Path

from msgspec import Struct

from ...cassettes.format.documents import CassetteError
from ...cassettes.redaction.rules import RuleSet, counts_text
from ...cassettes.scanning.rewriting import redact_cassette
from ..commands.console import EXIT_FAILURE, OptionError, print_to_stderr
from ..terminal.progress import progress
from .cassette_files import find_cassettes, print_json_result, print_warnings
from .scan import ScanOptions, scan


class RedactOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape redact`."""

    files: tuple[Path, ...]
    rules: RuleSet
    output: Path | None = None
    is_check: bool = False
    as_json: bool = False


def redact(options: RedactOptions) -> int:
    """Redact the cassettes. Return the exit code; raises CommandError."""
    if options.is_check:
        return scan(ScanOptions(files=options.files, rules=options.rules, as_json=options.as_json))
    paths = list(find_cassettes(options.files))
    if options.output is not None and len(paths) > 1:
        raise OptionError(f"-o takes one cassette, found {len(paths)}: leave out -o")
    failures = [path for path in paths if not _redact_file(path, options)]
    return EXIT_FAILURE if failures else 0


def _redact_file(path: Path, options: RedactOptions) -> bool:
    """Redact a cassette, and print what was replaced. Return whether all went well."""
    output = options.output or path
    try:
        with progress(f"redacting {path}") as shown:
            result = redact_cassette(path, options.rules, options.output, shown.advance)
    except CassetteError as error:
        print_to_stderr(f"{error}; nothing was changed")
        return False
    except OSError as error:
        print_to_stderr(f"{output}: cannot be written: {error.strerror}; nothing was changed")
        return False
    if options.as_json:
        print_json_result(output, result)
        return not result.left
    print_warnings(result.warnings)
    if result.counts:
        print_to_stderr(f"{output}: secrets replaced: {counts_text(result.counts)}")
    else:
        print_to_stderr(f"{path}: no secrets")
    for place in result.left:
        text = "a secret is left in a name, where no rule replaces it: remove it by hand"
        print_to_stderr(f"{place}: {text}")
    return not result.left
