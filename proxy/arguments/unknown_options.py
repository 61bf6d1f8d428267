"""What to say about an option that a command does not have, and about a command.

    No such option '--port'. Did you mean --listen?
    No such option '--upstream'. Did you mean the argument UPSTREAM?

The names that other tools have for an option come first, then names that are spelt alike.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

import click

NAMES_IN_OTHER_TOOLS = {
    # vcrpy and its plugin for pytest
    "--record-mode": ("--append", "--record-misses"),
    "--match-on": ("--ignore",),
    "--match-requests-on": ("--ignore",),
    "--allow-playback-repeats": ("--repeat",),
    "--cassette": ("CASSETTES", "FILES", "FILE", "--output"),
    # mitmdump
    "-p": ("--listen",),
    "--listen-host": ("--listen",),
    "--listen-port": ("--listen",),
    "--certs": ("--tls-cert",),
    "-k": ("--insecure",),
    "--ssl-insecure": ("--insecure",),
    "-w": ("--output",),
    "--save-stream-file": ("--output",),
    "--server-replay-extra": ("--upstream",),
    # WireMock
    "--port": ("--listen",),
    "--bind-address": ("--listen",),
    "--proxy-all": ("UPSTREAM", "--upstream"),
    "--record-mappings": ("--record-misses", "--output"),
    # curl
    "--cacert": ("--upstream-ca", "--tls-ca"),
    "--cert": ("--client-cert", "--tls-cert"),
    "--key": ("--tls-key",),
    "-m": ("--duration",),
    "--max-time": ("--duration",),
    "-s": ("--quiet",),
    "--silent": ("--quiet",),
    "--url": ("UPSTREAM", "--upstream", "--against", "SOURCE"),
    # many
    "--host": ("--listen",),
    "--bind": ("--listen",),
    "--address": ("--listen",),
    "--upstream": ("UPSTREAM",),
    "--mode": ("--record-misses",),
    "--format": ("--json",),
    "--force": ("--overwrite",),
    "-f": ("--follow", "--overwrite", "--format"),
    "-j": ("--json",),
    "-v": ("--version",),
    "-V": ("--version",),
}
"""Names in other tools, and those of mesotape for the same or the next best thing.

A command suggests the first one that it has. Names in capitals are arguments.
"""


COMMANDS_IN_OTHER_TOOLS = {
    "replay": "mock play playback run serve server start",
    "record": "capture dump proxy",
    "inspect": "cat list ls show view",
    "diff": "compare",
    "report": "html timeline",
    "validate": "check fix lint verify",
    "scan": "secrets",
    "redact": "clean sanitize scrub",
    "cut": "slice split trim",
    "merge": "concat join",
    "rename": "anonymize normalize",
    "export": "convert",
    "doctor": "env info",
    "--version": "version",
}
"""Commands of mesotape, and names that other tools have for the like."""

_LEAST_ALIKE = 0.7
"""How alike a command must be (difflib): `recrod` and `record` are, `serve` and `merge` are not."""


def explain_unknown_command(name: str, commands: Iterable[str]) -> str:
    """Return a sentence or two about a command that mesotape does not have."""
    text = f"No such command '{name}'."
    found = [each for each, names in COMMANDS_IN_OTHER_TOOLS.items() if name in names.split()]
    found = found or get_close_matches(name, commands, cutoff=_LEAST_ALIKE)
    return f"{text} Did you mean {' or '.join(found)}?" if found else text


def explain_unknown_option(name: str, context: click.Context) -> str:
    """Return a sentence or two about an option that the command of the context lacks."""
    text = f"No such option '{name}'."
    found = list(_suggestions(name, context.command.get_params(context)))
    return f"{text} Did you mean {' or '.join(found)}?" if found else text


def _suggestions(name: str, params: list[click.Parameter]) -> Iterator[str]:
    options = [
        option
        for param in params
        if isinstance(param, click.Option) and not param.hidden
        for option in (*param.opts, *param.secondary_opts)
    ]
    arguments = [
        (param.metavar or param.human_readable_name).strip("[].")
        for param in params
        if isinstance(param, click.Argument)
    ]
    for other in NAMES_IN_OTHER_TOOLS.get(name, ()):
        if other in options:
            yield other
            return
        if other in arguments:
            yield f"the argument {other}"
            return
    # Without dashes, which every name has: --stay is not like --host.
    words = {option.lstrip("-"): option for option in options if option.startswith("--")}
    yield from (words[word] for word in get_close_matches(name.lstrip("-"), words))
