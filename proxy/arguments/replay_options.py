"""The options of `mesotape replay`."""

import click

from .command_help import option_group, option_groups
from .completion import (
    complete_faults,
    complete_repeats,
    complete_requirements,
)
from .ignore_options import ignore_options
from .path_type import PATH_TYPE
from .shared_options import no_redact_option, redact_data_option
from .value_types import AddressType, PaceType


def list_faults(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the table of faults, and exit."""
    if not asked:
        return
    from .fault_table import print_fault_table

    print_fault_table()
    context.exit()


replay_options = option_groups(
    option_group(
        "What plays",
        click.option(
            "--repeat",
            multiple=True,
            shell_complete=complete_repeats,
            metavar="[TYPE=]last|cycle|never",
            help="Answer to equal requests after the last recorded one (reads: last; else never).",
        ),
        click.option(
            "--require",
            shell_complete=complete_requirements,
            metavar="any|all|none|CALL,…",
            help="Recorded exchanges that must be used (any with COMMAND, else none).",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 64),
            default=1,
            show_default=True,
            metavar="N",
            help="Processes that answer what depends on no subscription and no stream.",
        ),
        click.option(
            "--watch", is_flag=True, help="Replay anew when a cassette is edited, from its start."
        ),
    ),
    option_group(
        "Requests without a recorded answer",
        click.option(
            "--upstream", metavar="URL", help="The Mesos server for requests that are recorded."
        ),
        click.option(
            "--record-misses",
            is_flag=True,
            help="Make requests without a recorded answer to --upstream, and add them to CASSETTE.",
        ),
        no_redact_option,
        redact_data_option,
    ),
    option_group(
        "What requests are matched on",
        *ignore_options("Do not match on a value"),
        click.option(
            "--rebind",
            is_flag=True,
            help="Match calls that differ only in ids, and translate these ids from then on.",
        ),
        click.option(
            "--redact-rules",
            type=PATH_TYPE,
            metavar="FILE",
            help="Own rules that the cassettes were redacted by (YAML).",
        ),
    ),
    option_group(
        "Pace of streams",
        click.option(
            "--pace",
            type=PaceType(),
            default="recorded",
            show_default=True,
            help="When events are sent; step: when the control API releases them.",
        ),
        click.option(
            "--speed", type=float, metavar="FACTOR", help="Send events this many times as fast."
        ),
        click.option(
            "--max-gap", type=float, metavar="SECONDS", help="Longest gap between two events."
        ),
        click.option(
            "--start-at",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="Send events recorded before this time at once.",
        ),
        click.option(
            "--causality",
            type=click.Choice(["party", "all", "off"]),
            default="party",
            show_default=True,
            help="Whose calls an event waits for, if they were recorded before it.",
        ),
    ),
    option_group(
        "Faults",
        click.option(
            "--fault",
            "faults",
            multiple=True,
            shell_complete=complete_faults,
            metavar="[CALL:]KIND[=VALUE][@WHICH]",
            help="Inject a fault: cut-record@3, ACCEPT:503@1, …",
        ),
        click.option(
            "--seed",
            type=int,
            metavar="NUMBER",
            default=0,
            show_default=True,
            help="Seed for faults.",
        ),
        click.option(
            "--list-faults",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=list_faults,
            help="List the faults.",
        ),
    ),
    option_group(
        "Control",
        click.option(
            "--control",
            type=AddressType(),
            help="Serve the control API on this loopback address; its token is printed.",
        ),
        click.option(
            "--control-token-file",
            type=PATH_TYPE,
            help="Read its token from this file; then --control may be any address.",
        ),
    ),
)
"""What is played, when, and what makes the replay fail."""

receipt_options = option_group(
    "Output",
    click.option(
        "--receipt", type=PATH_TYPE, help="Write a JSON report of the replay to this file."
    ),
    click.option("--junit", type=PATH_TYPE, help="Write JUnit XML to this file."),
    click.option(
        "--summary-file",
        type=PATH_TYPE,
        help="Append a summary in Markdown to this file, like $GITHUB_STEP_SUMMARY.",
    ),
    click.option(
        "--github",
        "is_github",
        is_flag=True,
        help="Print annotations of GitHub Actions for problems and unused exchanges.",
    ),
)
"""What a replay writes."""
