r"""Own rules of a user, in YAML (`--redact-rules FILE`).

    rules:
      - id: acme-account
        value: 'ACME-[0-9]{8}'
        description: accounts of the billing system
      - id: customer
        name: '(?i)^customer[-_]?(number|id)$'

`value` is searched in every text; its group `secret`, or all of it, is replaced. `name` is searched
in the names of headers, labels, variables, parameters and JSON members. Both are regular
expressions of Python. How long they take is up to their author: nothing can stop one that is slow.
"""

from collections.abc import Iterable
from pathlib import Path

from ..format.documents import DocumentError
from ..redaction.rules import OwnRule, RuleSet

_MAX_BYTES = 64 * 1024
"""The rules are passed to the writer's process on its command line."""


class RuleFileError(ValueError):
    """A file of rules that is wrong. The text has the file and the line."""


def select_rules(
    file: Path | None = None, without: Iterable[str] = (), *, empties_data: bool = False
) -> RuleSet:
    """Return the rules that a user wants. Raises ValueError."""
    own = () if file is None else read_rules(file)
    return RuleSet.select(without, own, empties_data=empties_data)


def read_rules(path: Path) -> list[OwnRule]:
    """Read own rules. Raises RuleFileError."""
    from .rule_reader import parse_rules  # It imports the YAML library.

    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise RuleFileError(f"{path}: is longer than {_MAX_BYTES} bytes")
    except OSError as error:
        raise RuleFileError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return parse_rules(data)
    except DocumentError as error:
        raise RuleFileError(f"{path}:{error.line}: {error.text}") from error
