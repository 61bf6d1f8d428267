"""The table of faults for `--list-faults`."""

from rich.console import Console
from rich.table import Table

from ...cassettes.faults.kinds import FAULT_KINDS, FaultScope

_TITLES: dict[FaultScope, str] = {
    "record": "Faults of records: @WHICH counts the records of each stream",
    "call": "Faults of calls: @WHICH counts the calls",
}
_FORM = """\
--fault '[CALL[#WHICH]:]KIND[=VALUE][@WHICH]', which may be repeated

  CALL    a type (SUBSCRIBE), an API (master, agent, scheduler, executor, resource_provider),
          both (scheduler.ACCEPT), or a path (/version)
  WHICH   3, 2-4, 3+ or 20% (as --seed decides); all without it; #WHICH counts the calls

"""


def print_fault_table() -> None:
    """Print each fault with its effect on a client, and what causes that in a cluster."""
    console = Console(highlight=False, markup=False)
    console.print(_FORM, end="", soft_wrap=True)
    for scope, title in _TITLES.items():
        table = Table(
            title=title, title_justify="left", title_style="bold", box=None, pad_edge=False
        )
        table.add_column("fault", no_wrap=True)
        table.add_column("what the client sees", ratio=3)
        table.add_column("what it resembles", ratio=2)
        for kind in FAULT_KINDS.values():
            if kind.scope == scope:
                table.add_row(kind.usage, kind.client_effect, kind.resembles)
        console.print(table)
        console.print()
