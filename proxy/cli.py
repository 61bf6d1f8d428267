"""The command line: turns options into objects and calls the commands.

Heavy imports happen inside the commands, so that `mesotape --help` stays fast.
"""

import sys
from pathlib import Path
from typing import Any

import click

from .. import __version__
from .commands.console import (
    EXIT_FAILURE,
    AddressType,
    CassetteArgument,
    CassetteArgumentType,
    CommandError,
    PaceType,
    SizeType,
    check_platform,
    interrupts,
    print_to_stderr,
)
from .commands.messages import messages, open_standard_files
from .commands.options import (
    PATH_TYPE,
    CommandWithChild,
    end_with_parent,
    limit_options,
    list_faults,
    list_ignores,
    redaction_options,
    server_options,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mesotape")
def cli() -> None:
    """Record, replay and inspect the Apache Mesos v1 HTTP APIs."""
    click.get_current_context().call_on_close(messages.flush)


@cli.command()
@click.argument("upstream", required=False)
@click.option("-o", "--output", type=PATH_TYPE, required=True, help="The cassette to write.")
@click.option("--overwrite", "existing", flag_value="overwrite", help="Replace the cassette.")
@click.option("--append", "existing", flag_value="append", help="Append to the cassette.")
@click.option(
    "--server",
    type=click.Choice(["master", "agent"]),
    default="master",
    show_default=True,
    help="Kind of UPSTREAM; selects the schema of /api/v1.",
)
@click.option("--only-v1", is_flag=True, help="Record only the v1 APIs, no other paths.")
@click.option(
    "--max-body",
    type=SizeType(),
    default="16M",
    show_default=True,
    help="Leave out longer bodies and records.",
)
@click.option("--fail-closed", is_flag=True, help="Stop the proxy if recording fails.")
@click.option(
    "--max-head",
    type=SizeType(),
    default="1M",
    show_default=True,
    help="Largest head of a request or response.",
)
@click.option("--mode", help="A mode of mitmproxy instead of UPSTREAM: regular, socks5, …")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Set an option of mitmproxy."
)
@click.option("--keep-host", is_flag=True, help="Do not rewrite the Host header.")
@click.option("--upstream-ca", type=PATH_TYPE, help="Trust this CA (PEM) for UPSTREAM.")
@click.option(
    "--client-cert", type=PATH_TYPE, help="Client certificate and key (PEM) for UPSTREAM."
)
@click.option("--insecure", is_flag=True, help="Do not verify UPSTREAM's certificate.")
@redaction_options
@limit_options
@end_with_parent
@server_options
def record(existing: Any, **options: Any) -> int:
    """Record the traffic between clients and UPSTREAM, the URL of a Mesos master or agent.

    Point the clients at the address that is printed. Press Ctrl-C to stop recording.
    """
    check_platform("record")
    from .commands.record import RecordOptions, record

    return record(RecordOptions(existing=existing or "refuse", **options))


@cli.command(cls=CommandWithChild)
@click.argument("cassettes", nargs=-1, required=True, type=CassetteArgumentType())
@click.option(
    "--pace",
    type=PaceType(),
    default="recorded",
    show_default=True,
    help="When the events of streams are sent; step: when the control API releases them.",
)
@click.option("--speed", type=float, help="Factor by which streams are faster than recorded.")
@click.option("--max-gap", type=float, help="Longest gap between two events, in seconds.")
@click.option(
    "--start-at",
    type=float,
    default=0.0,
    metavar="SECONDS",
    help="Send events recorded before this time at once.",
)
@click.option(
    "--control",
    type=AddressType(),
    help="Serve the control API on this loopback address; its token is printed.",
)
@click.option(
    "--control-token-file",
    type=PATH_TYPE,
    help="Take the token of the control API from this file; then --control may be any address.",
)
@click.option(
    "--causality",
    type=click.Choice(["party", "all", "off"]),
    default="party",
    show_default=True,
    help="Whose calls an event waits for, if they were recorded before it.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="RULE",
    help="Ignore a value when matching: TYPE:path of a field, query.NAME, or a listed name.",
)
@click.option(
    "--list-ignores",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_ignores,
    help="List the names for --ignore.",
)
@click.option(
    "--repeat",
    multiple=True,
    metavar="[TYPE=]last|cycle|never",
    help="Answer to equal requests after the last recorded one (reads: last, others: never).",
)
@click.option(
    "--rebind",
    is_flag=True,
    help="Match calls that differ only in ids, and translate these ids from then on.",
)
@click.option(
    "--redact-rules",
    type=PATH_TYPE,
    metavar="FILE",
    help="Own rules that the cassettes were redacted by (YAML).",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="[CALL:]KIND[=VALUE][@WHICH]",
    help="Inject a fault: cut-record@3, ACCEPT:503@1, …",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed for faults.")
@click.option(
    "--list-faults",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_faults,
    help="List the faults.",
)
@click.option(
    "--require",
    metavar="any|all|none|CALL,…",
    help="Recorded exchanges that must be used (any with COMMAND, else none).",
)
@click.option("--receipt", type=PATH_TYPE, help="Write a JSON report of the replay to this file.")
@end_with_parent
@server_options
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
    from .commands.replay import ReplayOptions, replay

    paths, own = zip(*cassettes, strict=True)
    return replay(ReplayOptions(cassettes=paths, own_addresses=own, **options))


@cli.command()
@click.option("-o", "--output", type=PATH_TYPE, help="Write the recorded cassette to this file.")
def demo(output: Path | None) -> int:
    """Record a replayed cluster, replay the new cassette, and compare."""
    check_platform("demo")
    from .commands.demo import demo

    return demo(output)


@cli.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--follow", is_flag=True, help="Print events as they arrive; SOURCE is a URL or -.")
@click.option(
    "--server", type=click.Choice(["master", "agent"]), help="Kind of server that sent raw bytes."
)
@click.option(
    "--api",
    type=click.Choice(["master", "agent", "scheduler", "executor", "resource_provider"]),
    help="API that raw bytes belong to.",
)
@click.option("--message", help="Message type of raw records, like mesos.v1.master.Event.")
@click.option(
    "--encoding",
    type=click.Choice(["json", "protobuf"]),
    help="Encoding of raw bytes, or to request.",
)
@click.option(
    "--max-record",
    type=click.IntRange(1),
    default=1 << 27,
    show_default=True,
    help="Longest record in bytes; a larger length is an error.",
)
@click.option("--call", "calls", multiple=True, help="Only rows of calls of this type.")
@click.option("--type", "types", multiple=True, help="Only events of this type.")
@click.option(
    "--since", type=float, help="Only rows from this time on, in seconds of the recording."
)
@click.option("--until", type=float, help="Only rows up to this time, in seconds of the recording.")
@click.option("--client", help="Only rows of this client: its number or address.")
@click.option("--text", help="Only rows that contain this text.")
@click.option("--bad", is_flag=True, help="Only rows with warnings or malformed data.")
@click.option(
    "--show", type=click.IntRange(1), multiple=True, help="Print the row with this number in full."
)
@click.option("--summary", is_flag=True, help="Print only the summary.")
@click.option("--tls-ca", type=click.Path(), help="Trust this CA (PEM).")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(**options: Any) -> int:
    """List the contents of SOURCE, and report what is broken.

    SOURCE is a cassette, the raw bytes of a stream (- is stdin), the same inside HTTP as curl --raw
    prints it, a flow file of mitmproxy, or the URL of a running master.

    The exit code is 0 if all is clean, 4 if there are warnings, 5 if something is malformed, 9 if a
    filter matches no row, and 10 if SOURCE is empty or of another kind.
    """
    check_platform("inspect")
    from .inspect.command import inspect
    from .inspect.options import InspectOptions

    return inspect(InspectOptions(**options))


@cli.command()
@click.argument("files", nargs=-1, required=True, type=PATH_TYPE)
@click.option("--fix", is_flag=True, help="Correct numbers; remove an unfinished document.")
@click.option("--backup", is_flag=True, help="Keep a copy of the original file, as .bak.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def validate(**options: Any) -> int:
    """Check cassettes, and list every problem with file and line.

    The exit code is 0 if all are sound, 4 if there are only warnings, else 5.
    """
    check_platform("validate")
    from .commands.validate import ValidateOptions, validate

    return validate(ValidateOptions(**options))


@cli.command()
@click.argument("files", nargs=-1, required=True, type=PATH_TYPE)
@redaction_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def scan(**options: Any) -> int:
    """List the secrets in cassettes, with place and rule, never the values.

    FILES are cassettes, or folders with cassettes. The exit code is 11 if there are secrets, else 1
    if something could not be read, else 0.
    """
    check_platform("scan")
    from .redaction.scan import ScanOptions, scan

    return scan(ScanOptions(**options))


@cli.command()
@click.argument("files", nargs=-1, required=True, type=PATH_TYPE)
@click.option("-o", "--output", type=PATH_TYPE, help="Write to this file; FILES is one cassette.")
@click.option("--check", "is_check", is_flag=True, help="Change nothing; list like scan.")
@redaction_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with --check.")
def redact(**options: Any) -> int:
    """Replace the secrets in cassettes by placeholders.

    FILES are cassettes, or folders with cassettes. The new file replaces the old one at once, and
    plays for clients that send the real secrets, or others. The exit code is 1 if something could
    not be redacted, else 0; with --check, that of scan.
    """
    check_platform("redact")
    from .redaction.redact import RedactOptions, redact

    return redact(RedactOptions(**options))


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
    except BrokenPipeError:
        code = EXIT_FAILURE
    finally:
        messages.flush()
    sys.exit(code)


if __name__ == "__main__":
    main()
