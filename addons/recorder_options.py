"""The options of the recorder in mitmproxy."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader

from ..cassettes.recording.writer_reports import (
    DEFAULT_MAX_BODY_BYTES,
    FLUSH_SECONDS,
    WriterConfig,
)
from .addon_options import (
    SERVER_KINDS,
    add_redaction_options,
    add_server_option,
    check_redaction_options,
    selected_rules,
    selected_server,
)
from .http1.head_limits import DEFAULT_MAX_HEAD

_CHOICES = {
    "mesotape_existing": ["refuse", "overwrite", "append"],
    "mesotape_server": SERVER_KINDS,
    "mesotape_sync": ["never", "end", "always"],
}
_SECONDS = {"mesotape_duration": 10.0**9, "mesotape_flush_interval": 60.0}
"""Options with a number of seconds, and the largest. mitmproxy has no options with fractions."""


_COUNTS = {
    "mesotape_max_events": "Stop recording after this many events.",
    "mesotape_max_size": "Continue in another file at this number of bytes.",
    "mesotape_min_free": "Pause while less than this number of bytes is free on the disk.",
}


def add_options(loader: Loader) -> None:
    """Declare the options."""
    loader.add_option("mesotape_cassette", str, "", "Record into this cassette.")
    loader.add_option(
        "mesotape_existing",
        str,
        "refuse",
        "What to do if the cassette exists.",
        choices=_CHOICES["mesotape_existing"],
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
    loader.add_option("mesotape_duration", str, "", "Stop recording after this many seconds.")
    optional_int: Any = int | None
    for name, help_text in _COUNTS.items():
        loader.add_option(name, optional_int, None, help_text)
    loader.add_option(
        "mesotape_flush_interval",
        str,
        str(FLUSH_SECONDS),
        "Seconds that data may wait for more before it is written.",
    )
    loader.add_option(
        "mesotape_sync",
        str,
        "never",
        "When to wait until the recording is on the disk (fsync).",
        choices=_CHOICES["mesotape_sync"],
    )


def check_options(updated: set[str]) -> None:
    """Check the options, because mitmproxy does not enforce `choices`. Raises OptionsError."""
    for name in updated & _CHOICES.keys():
        value, choices = getattr(ctx.options, name), _CHOICES[name]
        if value not in choices:
            text = f"{name} is {value!r}, expected {' or '.join(choices)}"
            raise exceptions.OptionsError(text)
    for name in updated & _SECONDS.keys():
        if name != "mesotape_duration" or ctx.options.mesotape_duration:
            _seconds(name)
    for name in updated & _COUNTS.keys():
        value = getattr(ctx.options, name)
        if value is not None and value < 1:
            raise exceptions.OptionsError(f"{name} is {value}, expected a number from 1 on")
    check_redaction_options(updated)


def start_duration() -> None:
    """Let the proxy end after the duration that was set."""
    if ctx.options.mesotape_duration:
        loop = asyncio.get_running_loop()
        loop.call_later(_seconds("mesotape_duration"), ctx.master.shutdown)


def writer_config() -> WriterConfig:
    """Return what the options say about the cassette."""
    options: Any = ctx.options
    return WriterConfig(
        path=str(Path(options.mesotape_cassette).expanduser()),
        existing=options.mesotape_existing,
        server=selected_server(),
        upstream=" ".join(options.mode),
        rules=selected_rules(),
        max_body_bytes=options.mesotape_max_body,
        max_events=options.mesotape_max_events,
        max_size=options.mesotape_max_size,
        min_free=options.mesotape_min_free,
        flush_seconds=_seconds("mesotape_flush_interval"),
        sync=options.mesotape_sync,
    )


def _seconds(name: str) -> float:
    """Return a number of seconds. Raises OptionsError."""
    text = getattr(ctx.options, name)
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) <= _SECONDS[name]:
            return seconds
    raise exceptions.OptionsError(f"{name} is {text!r}, expected a number of seconds")
