"""The options of the recorder in mitmproxy."""

from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from ..cassettes.recording.writer_reports import DEFAULT_MAX_BODY_BYTES, WriterConfig
from .addon_options import (
    SERVER_KINDS,
    add_redaction_options,
    add_server_option,
    check_redaction_options,
    selected_rules,
    selected_server,
)
from .http1.head_limits import DEFAULT_MAX_HEAD

_EXISTING = ["refuse", "overwrite", "append"]


def add_options(loader: Loader) -> None:
    """Declare the options."""
    loader.add_option("mesotape_cassette", str, "", "Record into this cassette.")
    loader.add_option(
        "mesotape_existing",
        str,
        "refuse",
        "What to do if the cassette exists.",
        choices=_EXISTING,
    )
    add_server_option(loader)
    loader.add_option("mesotape_only_v1", bool, False, "Record only the v1 APIs.")
    add_redaction_options(loader)
    loader.add_option("mesotape_max_head", int, DEFAULT_MAX_HEAD, "The largest head, in bytes.")
    loader.add_option(
        "mesotape_max_body",
        int,
        DEFAULT_MAX_BODY_BYTES,
        "Record bodies and records up to this number of bytes.",
    )
    loader.add_option(
        "mesotape_fail_closed", bool, False, "Shut the proxy down if recording fails."
    )


def check_options(updated: set[str]) -> None:
    """Check the options, because mitmproxy does not enforce `choices`. Raises OptionsError."""
    for name, choices in (("mesotape_existing", _EXISTING), ("mesotape_server", SERVER_KINDS)):
        if name in updated and (value := getattr(ctx.options, name)) not in choices:
            text = f"{name} is {value!r}, expected {' or '.join(choices)}"
            raise exceptions.OptionsError(text)
    check_redaction_options(updated)


def writer_config() -> WriterConfig:
    """Return what the options say about the cassette."""
    return WriterConfig(
        path=str(Path(ctx.options.mesotape_cassette).expanduser()),
        existing=ctx.options.mesotape_existing,
        server=selected_server(),
        upstream=" ".join(ctx.options.mode),
        rules=selected_rules(),
        max_body_bytes=ctx.options.mesotape_max_body,
    )
