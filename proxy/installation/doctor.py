"""`mesotape doctor`: what is installed, and what is wrong with the environment."""

import os
import platform
import sys
from collections.abc import Iterable, Mapping

from ... import __version__
from ...proto.shown_text import escape_line
from ..commands.console import EXIT_FAILURE, print_json
from .check_result import CheckResult
from .environment import check_environment
from .packages import check_packages

_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


def doctor(*, as_json: bool) -> int:
    """Print a line for each result. Return 1 if something cannot work, else 0."""
    results = list(check_all(os.environ))
    if as_json:
        for result in results:
            print_json(result)
    else:
        _print_table(results)
    return EXIT_FAILURE if any(each.level == "error" for each in results) else 0


def check_all(environment: Mapping[str, str]) -> Iterable[CheckResult]:
    """Yield what is installed and how this process is set up."""
    yield CheckResult("mesotape", "ok", f"{__version__}, in {_folder()}")
    yield CheckResult("Python", "ok", f"{platform.python_version()}, {sys.executable}")
    yield CheckResult("platform", "ok", platform.platform())
    yield from check_packages()
    yield from check_environment(environment)


def _folder() -> str:
    return os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))  # noqa: PTH118, PTH120


def _print_table(results: Iterable[CheckResult]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in results:
        level = Text(each.level, style=_STYLES[each.level])
        table.add_row(level, each.subject, Text(escape_line(each.text)))
    console = Console(highlight=False)
    console.print(table, soft_wrap=not console.is_terminal)
