"""Whether a run of pytest has all tests: what some of them leave unused proves nothing."""

from collections.abc import Iterator

import pytest

DESELECTED = pytest.StashKey[bool]()
"""In the stash of the configuration: tests were deselected, with `-k` for example."""


def selections(config: pytest.Config) -> Iterator[str]:
    """Return the ways in which the command line selects some tests and names no others."""
    if any("::" in argument for argument in config.args):
        yield "a test was selected by its id"
    if config.getoption("lf", False):
        yield "--lf"


def is_selected_run(config: pytest.Config) -> bool:
    """Return whether this process may run only some tests of a folder."""
    return (
        config.stash.get(DESELECTED, False)
        or hasattr(config, "workerinput")
        or any(selections(config))
        or any((config.invocation_params.dir / each).is_file() for each in config.args)
    )
