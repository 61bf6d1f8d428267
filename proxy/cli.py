"""The command line: turns options into objects and calls the commands.

Heavy imports happen inside the commands, so that `mesotape --help` stays fast.
"""

import errno
import os
import sys
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..cassettes.files.object_path import ObjectStoreError
from .arguments.command_help import DocumentedCommand, DocumentedGroup, option_group
from .arguments.inspect_options import inspect_options
from .arguments.path_type import PATH_TYPE
from .arguments.record_options import limit_options, proxy_options, record_options
from .arguments.replay_options import receipt_options, replay_options
from .arguments.shared_options import (
    CommandWithChild,
    listen_options,
    redaction_options,
    server_output_options,
)
from .arguments.value_types import CassetteArgument, CassetteArgumentType
from .cassette_cli import COMMANDS as CASSETTE_COMMANDS
from .commands.console import (
    EXIT_FAILURE,
    CommandError,
    check_platform,
    discard_output,
    importing,
    interrupts,
    print_to_stderr,
)
from .commands.messages import messages, open_standard_files
from .conversion_cli import COMMANDS as CONVERSION_COMMANDS
from .editing_cli import COMMANDS as EDITING_COMMANDS
from .installation_cli import COMMANDS as INSTALLATION_COMMANDS


@click.group(
    cls=DocumentedGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=("mesotape demo", "mesotape replay --help"),
    page="README.md",
)
@click.version_option(__version__, prog_name="mesotape")
def cli() -> None:
    """Record, replay and inspect the Apache Mesos v1 HTTP APIs."""
    click.get_current_context().call_on_close(messages.flush)


@cli.command(
    cls=DocumentedCommand,
    section="Record and replay",
    examples=(
        "mesotape record http://master.example:5050 -o cassette.yaml",
        "mesotape record http://agent.example:5051 --server agent -o agent.yaml --duration 60",
    ),
    page="docs/record.md",
)
@click.argument("upstream", required=False)
@record_options
@redaction_options
@listen_options
@proxy_options
@limit_options
@server_output_options
def record(existing: Any, **options: Any) -> int:
    """Record the traffic between clients and UPSTREAM, the URL of a Mesos master or agent.

    Point the clients at the address that is printed. Press Ctrl-C to stop recording.
    """
    check_platform("record")
    with importing():
        from .commands.record import RecordOptions, record

    return record(RecordOptions(existing=existing or "refuse", **options))


@cli.command(
    cls=CommandWithChild,
    section="Record and replay",
    examples=(
        "mesotape replay cassette.yaml --listen 127.0.0.1:5050",
        "mesotape replay cassette.yaml --pace instant -- pytest tests",
    ),
    page="docs/replay.md",
)
@click.argument("cassettes", nargs=-1, required=True, type=CassetteArgumentType())
@replay_options
@listen_options
@receipt_options
@server_output_options
def replay(cassettes: tuple[CassetteArgument, ...], **options: Any) -> int:
    """Serve CASSETTES: answers byte for byte, streams with their recorded timing.

    All cassettes share one address, except those given as CASSETTE=HOST:PORT. A request without a
    recorded answer gets a 501 with a report of what differs. Press Ctrl-C to stop; with COMMAND,
    the replay ends when COMMAND does. COMMAND finds the address in MESOTAPE_URL.

    The exit code is that of COMMAND if it fails. Otherwise it is 3 if a request had no recorded
    answer, 6 if a client left out mutating calls of the recording, 7 if a fault never fired, and 8
    if required exchanges were not used.
    """
    check_platform("replay")
    with importing():
        from .commands.replay import ReplayOptions, replay

    paths, own = zip(*cassettes, strict=True)
    return replay(ReplayOptions(cassettes=paths, own_addresses=own, **options))


@cli.command(
    cls=DocumentedCommand,
    section="Record and replay",
    examples=("mesotape demo", "mesotape demo -o cassette.yaml"),
    page="README.md",
)
@option_group(
    "Output",
    click.option(
        "-o", "--output", type=PATH_TYPE, help="Write the recorded cassette to this file."
    ),
)
def demo(output: Path | None) -> int:
    """Record a replayed cluster, replay the new cassette, and compare."""
    check_platform("demo")
    with importing():
        from .commands.demo import demo

    return demo(output)


@cli.command(
    cls=DocumentedCommand,
    section="Look at recordings",
    examples=(
        "mesotape inspect cassette.yaml --call ACCEPT",
        "curl -sN http://master.example:5050/api/v1 -d @subscribe.json | mesotape inspect -",
    ),
    page="docs/inspect.md",
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@inspect_options
def inspect(**options: Any) -> int:
    """List the contents of SOURCE, and report what is broken.

    SOURCE is a cassette, the raw bytes of a stream (- is stdin), the same inside HTTP as curl --raw
    prints it, a flow file of mitmproxy, or the URL of a running master.

    The exit code is 0 if all is clean, 4 if there are warnings, 5 if something is malformed, 9 if a
    filter matches no row, and 10 if SOURCE is empty or of another kind.
    """
    check_platform("inspect")
    with importing():
        from .inspect.command import inspect
        from .inspect.options import InspectOptions

    return inspect(InspectOptions(**options))


for _command in (
    *CASSETTE_COMMANDS,
    *EDITING_COMMANDS,
    *CONVERSION_COMMANDS,
    *INSTALLATION_COMMANDS,
):
    cli.add_command(_command)


def _refuse(error: click.ClickException) -> None:
    """Print a usage error in one line; without any arguments, click's text is the whole help."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    text = error.format_message()
    if context is None or "\n" in text:
        error.show()
    else:
        print_to_stderr(f"{text.rstrip('.')}; see {context.command_path} --help")


def main() -> None:
    """Run a command and exit with its code; an error is one line on stderr."""
    open_standard_files()
    interrupts.install()
    if "_MESOTAPE_COMPLETE" in os.environ:
        from .installation.completion import use_own_completion

        use_own_completion()
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        _refuse(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except CommandError as error:
        print_to_stderr(str(error))
        code = error.exit_code
    except ObjectStoreError as error:
        place = f"{error.filename}: " if error.filename else ""
        print_to_stderr(f"{place}{error.strerror}")
        code = EXIT_FAILURE
    except OSError as error:
        if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
            raise
        _lose_output(error)
        code = EXIT_FAILURE
    try:
        sys.stdout.flush()
    except OSError as error:
        _lose_output(error)
        code = code or EXIT_FAILURE
    messages.flush()
    sys.exit(code)


_OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _lose_output(error: OSError) -> None:
    """Give up stdout; that its reader has closed the pipe, as `head` does, is not worth a word."""
    discard_output()
    if error.errno != errno.EPIPE:
        print_to_stderr(f"the output cannot be written: {error.strerror}")


if __name__ == "__main__":
    main()
