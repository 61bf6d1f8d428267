"""Advice how to play or record otherwise, written for its readers.

Advice is data: a setting with its values, or a recording to make. An `Audience` writes it:

    COMMAND      --ignore offer-ids --ignore task-ids         --rebind               --require none
    PLAYER       Options(ignore=["offer-ids", "task-ids"])    Options(rebind=True)   require="none"
    a test       ignore=["offer-ids", "task-ids"]             rebind=True            require="none"
"""

import json
import shlex
from collections.abc import Callable

from msgspec import Struct

from ...proto.api.apis import ServerKind
from ...proto.http.address import ServerUrl

_OF_PLAYER = ("require", "clock")
"""Settings that are arguments of `Player` itself; the others are options of its `Options`."""

_PACES = {"step": "Stepped"}

_EXAMPLES: dict[ServerKind, str] = {
    "master": "http://master.example:5050",
    "agent": "http://agent.example:5051",
}


class Setting(Struct, frozen=True):
    """A setting of a replay and its values, as on the command line; a switch has no values.

    `given` are the values that the replay has already. An option adds to them, but a keyword
    replaces them, so it repeats them.
    """

    name: str
    values: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


class WantedRecording(Struct, frozen=True):
    """A recording to make: into a cassette, of a server at `upstream` if that is known.

    `is_append` keeps what is in the cassette.
    """

    path: str
    server: ServerKind | None
    upstream: str | None
    is_append: bool


class Audience(Struct, frozen=True):
    """How advice is written for some users.

    `write_recording` returns None where a recording cannot be made.
    """

    write: Callable[[Setting], str]
    write_recording: Callable[[WantedRecording], str | None]


def record_command(recording: WantedRecording) -> str | None:
    """Write a recording as a command."""
    if recording.path.endswith(".gz"):
        return None  # A compressed cassette is not written to.
    server = recording.server or "master"
    words = ["mesotape", "record", known_upstream(recording.upstream, server)]
    words += ["--output", recording.path, "--append" if recording.is_append else "--overwrite"]
    return shlex.join([*words, *(["--server", server] if server != "master" else [])])


def known_upstream(upstream: str | None, server: ServerKind) -> str:
    """Return the URL of a recorded server, or an example of one if it is not known."""
    try:
        return str(ServerUrl.parse(upstream or ""))
    except ValueError:  # A mode of mitmproxy.
        return _EXAMPLES[server]


def as_option(setting: Setting) -> str:
    """Write a setting as options of `mesotape replay`, for a shell."""
    if not setting.values:
        return f"--{setting.name}"
    return " ".join(f"--{setting.name} {shlex.quote(value)}" for value in setting.values)


def as_keyword(setting: Setting) -> str:
    """Write a setting as a keyword of the marker of a test, or of `mesotape_config`."""
    values = _all_values(setting)
    if not values:
        return f"{setting.name}=True"
    value = values[0] if len(values) == 1 else values
    return f"{setting.name}={json.dumps(value, ensure_ascii=False)}"


def as_argument(setting: Setting) -> str:
    """Write a setting as an argument of `Player`."""
    if setting.name in _OF_PLAYER:
        return as_keyword(setting)
    if setting.name == "pace":
        return f"Options(pace={_PACES[setting.values[0]]}())"
    values = _all_values(setting)
    value = json.dumps(values, ensure_ascii=False) if values else True
    return f"Options({setting.name}={value})"


def _all_values(setting: Setting) -> list[str]:
    return list(dict.fromkeys((*setting.given, *setting.values)))


COMMAND = Audience(as_option, record_command)
PLAYER = Audience(as_argument, record_command)
