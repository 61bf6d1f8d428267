"""What the judge says of a cassette."""

from pathlib import Path

from mesotape.cassettes.format.documents import CassetteError
from mesotape.cassettes.storage.reader import Cassette
from mesotape.cassettes.validation.judge import find_problems


def validate_cassette(path: Path | str) -> list[str]:
    """Return all problems as `file:line: problem`; the reason, if it is no cassette."""
    try:
        with Cassette.open(path, lenient=True) as cassette:
            return [each.describe(path) for each in find_problems(cassette)]
    except CassetteError as error:
        return [str(error)]
