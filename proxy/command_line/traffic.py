"""The commands that record and replay: their options, and the texts of `--help`."""

from pathlib import Path
from typing import Any

import click

from ..arguments.command_help import DocumentedCommand, option_group
from ..arguments.path_type import PATH_TYPE
from ..arguments.record_options import limit_options, proxy_options, record_options
from ..arguments.recording_path import recording_path
from ..arguments.replay_options import receipt_options, replay_options
from ..arguments.shared_options import (
    CommandWithChild,
    listen_options,
    redaction_options,
    server_output_options,
)
from ..arguments.value_types import CassetteArgument, CassetteArgumentType
from ..commands.console import check_platform, importing


@click.command(
    cls=DocumentedCommand,
    section="Record and replay",
    examples=(
        "mesotape record http://master.example:5050 -o cassette.yaml",
        "mesotape record http://agent.example:5051 --server agent -o recordings/",
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
def record(existing: Any, output: str, **options: Any) -> int:
    """Record the traffic between clients and UPSTREAM, the URL of a Mesos master or agent.

    Point the clients at the address that is printed. Press Ctrl-C to stop recording.
    """
    check_platform("record")
    with importing():
        from ..commands.record import RecordOptions, record

    path = recording_path(output, options["upstream"] or options["mode"] or "")
    if output.endswith("/"):
        existing = "overwrite"  # Nothing has that name; the store need not let recorders look.
    return record(RecordOptions(existing=existing or "refuse", output=path, **options))


@click.command(
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
        from ..commands.replay import ReplayOptions, replay

    paths, own = zip(*cassettes, strict=True)
    return replay(ReplayOptions(cassettes=paths, own_addresses=own, **options))


@click.command(
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
        from ..commands.demo import demo

    return demo(output)


COMMANDS = (record, replay, demo)
"""All of this file, for the command line."""
