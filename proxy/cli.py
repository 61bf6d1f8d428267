"""The command line: a thin layer that turns text into objects and calls what does the work.

Heavy imports happen inside the commands, so that `mesotape --help` stays quick.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from .commands.console import (
    EXIT_FAILURE,
    AddressType,
    CassetteArgument,
    CassetteArgumentType,
    CommandError,
    PaceType,
    print_to_stderr,
)
from .commands.options import (
    PATH_TYPE,
    CommandWithChild,
    end_with_parent,
    list_faults,
    list_ignores,
    server_options,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("mesotape"), prog_name="mesotape")
def cli() -> None:
    """Record, replay and inspect the Apache Mesos v1 HTTP APIs."""


@cli.command()
@click.argument("upstream", required=False)
@click.option("-o", "--output", type=PATH_TYPE, required=True, help="The cassette to write.")
@click.option("--overwrite", "existing", flag_value="overwrite", help="Replace the cassette.")
@click.option("--append", "existing", flag_value="append", help="Go on in the cassette.")
@click.option(
    "--server",
    type=click.Choice(["master", "agent"]),
    default="master",
    show_default=True,
    help="What UPSTREAM is: it decides the schema of /api/v1.",
)
@click.option("--only-v1", is_flag=True, help="Leave out paths other than the v1 APIs.")
@click.option("--fail-closed", is_flag=True, help="End the proxy if recording has to stop.")
@click.option("--mode", help="Any mode of mitmproxy instead of UPSTREAM, like regular or socks5.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Option of mitmproxy.")
@click.option("--keep-host", is_flag=True, help="Do not rewrite the Host header.")
@click.option("--upstream-ca", type=PATH_TYPE, help="Trust this CA (PEM) for UPSTREAM.")
@click.option(
    "--client-cert", type=PATH_TYPE, help="Certificate and key (PEM) to show to UPSTREAM."
)
@click.option("--insecure", is_flag=True, help="Do not verify UPSTREAM's certificate.")
@end_with_parent
@server_options
def record(existing: Any, **options: Any) -> int:
    """Record what clients say to UPSTREAM, the URL of a Mesos master or agent.

    Point the clients at the address that is printed. Ctrl-C ends the recording.
    """
    from .commands.record import RecordOptions, record

    return record(RecordOptions(existing=existing or "refuse", **options))


@cli.command(cls=CommandWithChild)
@click.argument("cassettes", nargs=-1, required=True, type=CassetteArgumentType())
@click.option(
    "--pace",
    type=PaceType(),
    default="recorded",
    show_default=True,
    help="When the next event of a stream goes out; step is when the control says so.",
)
@click.option("--speed", type=float, help="Play streams so many times faster than recorded.")
@click.option("--max-gap", type=float, help="Let no two events be further apart, in seconds.")
@click.option(
    "--start-at",
    type=float,
    default=0.0,
    metavar="SECONDS",
    help="Have what was streamed before this time of the recording come at once.",
)
@click.option(
    "--control",
    type=AddressType(),
    help="Let programs control the replay there, on loopback, with a token that is printed.",
)
@click.option(
    "--causality",
    type=click.Choice(["party", "all", "off"]),
    default="party",
    show_default=True,
    help="Hold events until these clients have made the calls recorded before them.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="RULE",
    help="Do not compare this: TYPE:path of a call's field, query.NAME, or a name that is listed.",
)
@click.option(
    "--list-ignores",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_ignores,
    help="Print the names for --ignore.",
)
@click.option(
    "--repeat",
    multiple=True,
    metavar="[TYPE=]last|cycle|never",
    help="What equal requests get after the last recorded answer; the last again, if it is a read.",
)
@click.option(
    "--rebind",
    is_flag=True,
    help="Match calls that differ in ids alone, and translate these ids from then on.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="[CALL:]KIND[=VALUE][@WHICH]",
    help="Make a fault, like cut-record@3 or ACCEPT:503@1.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="What chance decides in faults."
)
@click.option(
    "--list-faults",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_faults,
    help="Explain the faults.",
)
@click.option("--receipt", type=PATH_TYPE, help="Write what was played and missed here, as JSON.")
@end_with_parent
@server_options
def replay(cassettes: tuple[CassetteArgument, ...], **options: Any) -> int:
    """Answer from CASSETTES, byte for byte, streams in their recorded rhythm.

    They play on one address, but for those with one of their own, CASSETTE=HOST:PORT. A request
    that nothing recorded answers gets a 501 that says what differs. Ctrl-C ends it, or the end of
    COMMAND, which finds the address in MESOTAPE_URL.

    The exit code is that of COMMAND if it fails, else 3 if requests were not answered, 6 if a
    client left out calls that it made when it was recorded, and 7 if a fault never struck.
    """
    from .commands.replay import ReplayOptions, replay

    paths, own = zip(*cassettes, strict=True)
    return replay(ReplayOptions(cassettes=paths, own_addresses=own, **options))


@cli.command()
@click.option("-o", "--output", type=PATH_TYPE, help="Keep the recorded cassette here.")
def demo(output: Path | None) -> int:
    """Record a cluster that is itself a recording, replay that, and compare."""
    from .commands.demo import demo

    return demo(output)


@cli.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--follow", is_flag=True, help="Print events as they come; SOURCE is a URL or -.")
@click.option("--server", type=click.Choice(["master", "agent"]), help="Whose raw bytes these are.")
@click.option(
    "--api",
    type=click.Choice(["master", "agent", "scheduler", "executor", "resource_provider"]),
    help="Of which API raw bytes are.",
)
@click.option("--message", help="What raw records are, like mesos.v1.master.Event.")
@click.option(
    "--encoding", type=click.Choice(["json", "protobuf"]), help="Of raw bytes, or to ask for."
)
@click.option(
    "--max-record",
    type=click.IntRange(1),
    default=1 << 27,
    show_default=True,
    help="Take no longer length for one, in bytes.",
)
@click.option("--call", "calls", multiple=True, help="Only what belongs to a call of this type.")
@click.option("--type", "types", multiple=True, help="Only events of this type.")
@click.option("--since", type=float, help="Only from here on, in seconds of the recording.")
@click.option("--until", type=float, help="Only up to here, in seconds of the recording.")
@click.option("--client", help="Only of this client: its number or address.")
@click.option("--text", help="Only what has this text in it.")
@click.option("--bad", is_flag=True, help="Only what has warnings or is malformed.")
@click.option("--show", type=int, multiple=True, help="Print the row of this number in full.")
@click.option("--summary", is_flag=True, help="Print the summary alone.")
@click.option("--tls-ca", type=click.Path(), help="Trust this CA (PEM).")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
@click.option("--json", "as_json", is_flag=True, help="Print for programs.")
def inspect(**options: Any) -> int:
    """Tell what is in SOURCE, and what is broken.

    SOURCE is a cassette, the raw bytes of a stream (- is stdin), a flow file of mitmproxy, or the
    URL of a running master. The exit code is 0 if all is clean, 4 if there are warnings, 5 if
    something is malformed.
    """
    from .inspect.command import InspectOptions, inspect

    return inspect(InspectOptions(**options))


@cli.command()
@click.argument("files", nargs=-1, required=True, type=PATH_TYPE)
@click.option("--fix", is_flag=True, help="Cut off a damaged tail; what is sound stays.")
@click.option("--backup", is_flag=True, help="Keep the file as it was beside it, as .bak.")
@click.option("--json", "as_json", is_flag=True, help="Print for programs.")
def validate(**options: Any) -> int:
    """Check cassettes, and list all that is wrong with file, line and place.

    The exit code is 0 if all are sound, 5 if not.
    """
    from .commands.validate import ValidateOptions, validate

    return validate(ValidateOptions(**options))


def _refuse(error: click.ClickException) -> None:
    """Say in one line what makes no sense; without any arguments the text is the whole help."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    text = error.format_message()
    if context is None or "\n" in text:
        error.show()
    else:
        print_to_stderr(f"{text.rstrip('.')}; see {context.command_path} --help")


def main() -> None:
    """Run a command; what it gives is the exit code, and what it refuses is one line."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        _refuse(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except CommandError as error:
        print_to_stderr(str(error))
        code = EXIT_FAILURE
    except BrokenPipeError:
        code = EXIT_FAILURE
    sys.exit(code)


if __name__ == "__main__":
    main()
