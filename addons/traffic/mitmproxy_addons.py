"""The addons of mitmproxy, for options that `mesotape record` is asked to set.

Without such options none of them is loaded: each costs time in every call. Their order is that of
mitmdump, among each other. The recorder sees what the client sent before all of them, and what the
client gets after all of them (hook_order.py).
"""

from collections.abc import Collection, Iterator
from typing import Any, cast

from mitmproxy import addons

_NO_PLAYBACK = "mitmproxy does not replay here: use mesotape replay"
_NO_CONSOLE = "mesotape record has no console: use mitmproxy with addons/script.py"

REFUSED_ADDONS = {
    "ClientPlayback": "the recorder sends no requests of its own",
    "ServerPlayback": _NO_PLAYBACK,
    "CommandHistory": _NO_CONSOLE,
    "Export": _NO_CONSOLE,
}
"""Addons of mitmproxy whose options are refused, each with the reason."""

REFUSED_OPTIONS = {
    "flow_detail": "mesotape record prints no flows: use mitmdump with addons/script.py",
    "dumper_filter": "mesotape record prints no flows: use mitmdump with addons/script.py",
    "dumper_default_contentview": "mesotape record prints no flows: use mitmdump with "
    "addons/script.py",
    "keepserving": "the recorder runs until it is stopped",
    "rfile": "flow files are read by mesotape inspect",
    "readfile_filter": "flow files are read by mesotape inspect",
    "termlog_verbosity": "mesotape record prints warnings only",
}
"""Options of mitmdump that are refused, each with the reason."""


class _DeclaredOptions:
    """Collects the names of options; in place of mitmproxy's Loader."""

    def __init__(self) -> None:
        self.names = set[str]()

    def add_option(self, name: str, *_: object, **__: object) -> None:
        self.names.add(name)

    def add_command(self, *_: object) -> None:
        pass


def addons_for(options: Collection[str], loaded: Collection[type]) -> list[object]:
    """Return new addons that own some of these options, without those of the types `loaded`."""
    if not options:
        return []
    return [
        addon
        for addon, names in _addons_and_options()
        if not names.isdisjoint(options)
        and not isinstance(addon, tuple(loaded))
        and type(addon).__name__ not in REFUSED_ADDONS
    ]


def addon_options() -> set[str]:
    """Return the options of all addons of mitmproxy, also of those that are refused."""
    return set[str]().union(*[names for _, names in _addons_and_options()])


def refused_options() -> dict[str, str]:
    """Return the options that are refused, each with the reason."""
    refused = dict(REFUSED_OPTIONS)
    for addon, names in _addons_and_options():
        if (reason := REFUSED_ADDONS.get(type(addon).__name__)) is not None:
            refused |= dict.fromkeys(names, reason)
    return refused


def _addons_and_options() -> Iterator[tuple[object, set[str]]]:
    for addon in cast("list[object]", addons.default_addons()):
        declared: Any = _DeclaredOptions()
        if (load := getattr(addon, "load", None)) is not None:
            load(declared)
        yield addon, declared.names
