"""The header of a recorded cassette: of a new one, and of one that is continued."""

import datetime

from ... import __version__
from ...proto.api.apis import ServerKind
from ..format.documents import FORMAT_VERSION, Header
from ..redaction.rules import RuleSet


def other_server_text(server: ServerKind | None, found: ServerKind | None) -> str | None:
    """Return why a recording of a server cannot continue a cassette of another one."""
    if server == found:
        return None
    if found is None:
        text = "the header does not say what server was recorded"
        return f"{text}: add `server: {server}`, or record to another file"
    names = {"master": "a master", "agent": "an agent", None: "another server"}
    text = f"expected a cassette of {names[server]}, found one of {names[found]}"
    option = f"pass --server {found}, or record to another file"
    return f"{text}: {option}"


def new_header(server: ServerKind | None, upstream: str | None, rules: RuleSet) -> Header:
    """Return the header of a new cassette."""
    return Header(
        mesotape=FORMAT_VERSION,
        server=server,
        recorded_at=datetime.datetime.now(datetime.UTC),
        upstream=upstream,
        recorder=f"mesotape {__version__}",
        redaction=rules.all_ids(),
    )


def seconds_since(began: datetime.datetime) -> float:
    """Return seconds on the wall clock, the only one that runs on between two recordings."""
    return (datetime.datetime.now(datetime.UTC) - began).total_seconds()
