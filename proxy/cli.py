"""The program `mesotape`: runs a command of command_line/, and exits with its code.

Heavy imports happen inside the commands, so that `mesotape --help` stays fast.
"""

import errno
import os
import sys

import click

from .. import __version__
from ..cassettes.files.object_path import ObjectStoreError
from .arguments.command_help import DocumentedGroup
from .command_line import changing, converting, installation, reading, traffic
from .commands.console import (
    EXIT_FAILURE,
    CommandError,
    discard_output,
    interrupts,
    print_to_stderr,
)
from .commands.messages import json_lines, messages, open_standard_files


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


for _command in (
    *traffic.COMMANDS,
    *reading.COMMANDS,
    *changing.COMMANDS,
    *converting.COMMANDS,
    *installation.COMMANDS,
):
    cli.add_command(_command)


def _refuse(error: click.ClickException) -> None:
    """Print a usage error in one line; without any arguments, click's text is the whole help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    text = " ".join(error.format_message().split())
    from .arguments.unknown_options import explain_unknown_command, explain_unknown_option

    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        print_to_stderr(text.rstrip("."))
        return
    if isinstance(error, click.NoSuchOption):
        text = explain_unknown_option(error.option_name, context)
    elif isinstance(error, click.NoSuchCommand):
        text = explain_unknown_command(error.command_name, cli.commands)
    joint = " See" if text.endswith("?") else "; see"
    print_to_stderr(f"{text.rstrip('.')}{joint} {context.command_path} --help")


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
    except OSError as error:
        if error.filename is not None:
            print_to_stderr(f"{error.filename}: {error.strerror}")
        elif isinstance(error, ObjectStoreError):
            print_to_stderr(str(error.strerror))
        elif error.errno in _OUTPUT_ERRORS:
            _lose_output(error)
        elif error.errno == errno.ENOENT:  # Of `tempfile`: others name a file.
            print_to_stderr(f"{error.strerror}: set TMPDIR to a folder that can be written")
        else:
            raise
        code = EXIT_FAILURE
    try:
        sys.stdout.flush()
    except OSError as error:
        _lose_output(error)
        code = code or EXIT_FAILURE
    json_lines.flush()
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
