"""Options of the addons: `mesotape_server`, which two share, and those of redaction."""

from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from ..cassettes.redaction.rules import RuleSet
from ..cassettes.scanning.rule_files import select_rules
from ..proto.api.apis import ServerKind

SERVER_KINDS = ["master", "agent"]

_REDACTION = ("mesotape_redact_rules", "mesotape_no_redact", "mesotape_redact_data")


def add_server_option(loader: Loader) -> None:
    """Declare the option. Both addons do, and mitmproxy accepts the same declaration twice."""
    loader.add_option(
        "mesotape_server",
        str,
        "master",
        "The kind of the server, which selects the messages of /api/v1.",
        choices=SERVER_KINDS,
    )


def selected_server() -> ServerKind:
    """Return the value of the option."""
    return ctx.options.mesotape_server


def add_redaction_options(loader: Loader) -> None:
    """Declare the options of redaction, those of `mesotape record`."""
    rules, without, data = _REDACTION
    loader.add_option(rules, str, "", "Add own rules of redaction from this file (YAML).")
    loader.add_option(without, str, "", "Leave out these rules of redaction: ids with commas.")
    loader.add_option(data, bool, False, "Replace all opaque data, not only secrets in it.")


def check_redaction_options(updated: set[str]) -> None:
    """Raise OptionsError if one was set to a wrong value."""
    if updated.isdisjoint(_REDACTION):
        return
    try:
        selected_rules()
    except ValueError as error:
        raise exceptions.OptionsError(str(error)) from error


def selected_rules() -> RuleSet:
    """Return the rules that the options select. Raises ValueError."""
    file, without, empties_data = (getattr(ctx.options, name) for name in _REDACTION)
    return select_rules(
        Path(file).expanduser() if file else None,
        filter(None, (each.strip() for each in without.split(","))),
        empties_data=empties_data,
    )
