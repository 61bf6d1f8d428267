"""The option `mesotape_server`, which the recorder and the inspector share."""

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from ..proto.api.apis import ServerKind

SERVER_KINDS = ["master", "agent"]


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
