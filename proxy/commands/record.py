"""`mesotape record`: a recording proxy in front of a Mesos master or agent."""

import asyncio
import contextlib
import functools
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from ...addons.traffic.deferred_addons import defer_addons
from ...addons.writing.writer_client import WriterClient, WriterError, WriterExistsError
from ...cassettes.format.documents import CassetteError
from ...cassettes.recording.writer_reports import (
    DEFAULT_MAX_BODY_BYTES,
    FLUSH_SECONDS,
    ExistingFilePolicy,
    SyncPolicy,
    WriterConfig,
)
from ...cassettes.redaction.rules import DEFAULT_RULES, RuleSet
from ...cassettes.storage.uploading import uploading
from ...proto.api.apis import ServerKind
from ...proto.http.address import Address, ServerUrl
from ..terminal.live_panel import has_panel, live_panel
from ..terminal.record_panel import RecordPanel
from . import certificates, processes
from .console import (
    EXIT_FAILURE,
    CommandError,
    OptionError,
    announce_ready,
    check_folder,
    importing,
    interrupts,
    print_json_line,
    print_to_stderr,
    warn_if_exposed,
)
from .outcome import RecordingCounts, print_recorded

if TYPE_CHECKING:
    from ...addons.recorder import Recorder


OPTIONS = {
    "mesotape_cassette": "--output",
    "mesotape_existing": "--overwrite or --append",
    "mesotape_server": "--server",
    "mesotape_only_v1": "--only-v1",
    "mesotape_fail_closed": "--fail-closed",
    "mesotape_max_body": "--max-body",
    "mesotape_max_head": "--max-head",
    "mesotape_duration": "--duration",
    "mesotape_max_events": "--max-events",
    "mesotape_max_size": "--max-size",
    "mesotape_min_free": "--min-free",
    "mesotape_flush_interval": "--flush-interval",
    "mesotape_sync": "--sync",
    "mesotape_redact_rules": "--redact-rules",
    "mesotape_no_redact": "--no-redact",
    "mesotape_redact_data": "--redact-data",
}
"""The options of this command that stand for those of the addon."""

_MOST_BODY_BYTES = 90 << 20
"""In base64 it still fits into the longest document that is read (cassettes/storage/index.py)."""


class RecordOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape record`. Either `upstream` or a mitmproxy `mode` is given."""

    output: Path
    upstream: str | None = None
    mode: str | None = None
    listen: Address
    server: ServerKind = "master"
    existing: ExistingFilePolicy = "refuse"
    rules: RuleSet = DEFAULT_RULES
    max_body: int = DEFAULT_MAX_BODY_BYTES
    duration: float | None = None
    max_events: int | None = None
    max_size: int | None = None
    min_free: int | None = None
    flush_interval: float = FLUSH_SECONDS
    sync: SyncPolicy = "never"
    only_v1: bool = False
    fail_closed: bool = False
    max_head: int = 1 << 20
    keep_host: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    upstream_ca: Path | None = None
    client_cert: Path | None = None
    insecure: bool = False
    settings: tuple[str, ...] = ()
    ready_file: Path | None = None
    as_json: bool = False
    quiet: bool = False
    end_with_parent: bool | None = None


def record(options: RecordOptions) -> int:
    """Record until SIGINT or SIGTERM. Return the exit code; raises CommandError."""
    check(options)
    try:
        with interrupts.deferred():
            return asyncio.run(_record(options))
    except CassetteError as error:
        raise CommandError(str(error)) from error


def check(options: RecordOptions) -> None:
    """Check what mitmproxy would report too late or not clearly. Raises CommandError."""
    if (options.upstream is None) == (options.mode is None):
        text = "expected either the URL of a master or agent, or a --mode like regular"
        raise OptionError(text)
    if options.upstream is not None:
        try:
            ServerUrl.parse_origin(options.upstream)
        except ValueError as error:
            raise OptionError(str(error)) from error
    if options.max_body > _MOST_BODY_BYTES:
        text = "expected at most 90M: what is longer could not be read again"
        raise OptionError(f"--max-body: {text}")
    for setting in options.settings:
        if "=" not in setting:
            raise OptionError(f"--set {setting}: expected NAME=VALUE")
        if setting.startswith("mesotape_"):
            name = setting.partition("=")[0]
            option = OPTIONS.get(name)
            advice = "record has no such option" if option is None else f"use {option} instead"
            raise OptionError(f"--set {setting}: {advice}")
    certificates.load_server_context(options.tls_cert, options.tls_key)
    if options.upstream_ca is not None:
        certificates.check_authority(options.upstream_ca)
    if options.client_cert is not None:
        certificates.check_client(options.client_cert)
    if options.ready_file is not None:
        check_folder(options.ready_file)


def mitmproxy_options(options: RecordOptions) -> dict[str, object]:
    """Translate the options to mitmproxy's."""
    host, port = options.listen
    settings: dict[str, object] = {
        "mode": [options.mode or f"reverse:{ServerUrl.parse(options.upstream or '')}"],
        "listen_host": host,
        "listen_port": port,
        "confdir": "",
        "keep_host_header": options.keep_host,
        "ssl_insecure": options.insecure,
        "mesotape_server": options.server,
        "mesotape_only_v1": options.only_v1,
        "mesotape_fail_closed": options.fail_closed,
        "mesotape_max_head": options.max_head,
    }
    if options.upstream_ca is not None:
        settings["ssl_verify_upstream_trusted_ca"] = str(options.upstream_ca)
    if options.client_cert is not None:
        settings["client_certs"] = str(options.client_cert)
    return settings


def writer_config(options: RecordOptions) -> WriterConfig:
    """Translate the options to those of the writer."""
    return WriterConfig(
        path=str(options.output),
        existing=options.existing,
        server=options.server,
        upstream=options.upstream or options.mode,
        rules=options.rules,
        max_body_bytes=options.max_body,
        sync=options.sync,
        flush_seconds=options.flush_interval,
        max_size=options.max_size,
        max_events=options.max_events,
        min_free=options.min_free,
        is_watched=not options.quiet and (options.as_json or has_panel()),
        lists_documents=not options.quiet and options.as_json,
    )


async def _record(options: RecordOptions) -> int:
    with uploading(options.output, options.existing, print_to_stderr) as upload:
        config = writer_config(options)
        if upload is not None:
            config = msgspec.structs.replace(config, path=str(upload.local), existing="refuse")
        writer = WriterClient(config)  # It starts while mitmproxy is imported.
        try:
            if upload is None:
                return await _record_with(writer, options)
            upload.start()
            code = await _record_with(writer, options)
            return code if upload.finish() else EXIT_FAILURE
        finally:
            writer.cancel()


async def _record_with(writer: WriterClient, options: RecordOptions) -> int:
    try:
        with importing():
            defer_addons()
            from .mitm import ProxyStartError, Recorder, run_proxy
    except ImportError as error:
        text = f"recording needs mitmproxy: pip install 'mesotape[record]' ({error})"
        raise CommandError(text) from error

    recorder = Recorder()
    if options.end_with_parent:
        watching = asyncio.create_task(processes.wait_for_parent_exit())
        watching.add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGTERM))
    try:
        with contextlib.ExitStack() as shown:
            ready = functools.partial(_begin, options, recorder, writer, shown)
            settings = mitmproxy_options(options)
            certificate = None
            if options.tls_cert is not None and options.tls_key is not None:
                certificate = options.tls_cert, options.tls_key
            await run_proxy(recorder, settings, options.settings, ready, certificate)
    except WriterExistsError as error:
        raise CommandError(f"{error}, or pass --overwrite or --append") from error
    except (ProxyStartError, WriterError) as error:
        raise CommandError(str(error)) from error
    finally:
        await recorder.done()
    print_recorded(
        _counted(recorder), options.output, as_json=options.as_json, is_quiet=options.quiet
    )
    return EXIT_FAILURE if recorder.failure is not None else 0


async def _begin(
    options: RecordOptions,
    recorder: "Recorder",
    writer: WriterClient,
    shown: contextlib.ExitStack,
    addresses: list[tuple[str, int]],
) -> None:
    """Open the cassette after the proxy listens, so that a busy port does not touch the file.

    `shown` keeps the panel on the terminal until the recording ends.
    """
    warn_if_exposed([Address(*addresses[0])], "make calls to the upstream through it")
    status = await recorder.start(writer)
    for warning in status.warnings:
        print_to_stderr(f"warning: {warning}")
    scheme = "https" if options.tls_cert is not None else "http"
    url = str(ServerUrl(scheme, Address(*addresses[0])))
    text = f"recording {status.upstream} on {url} into {options.output}"
    try:
        announce_ready(
            text, url, options.ready_file, as_json=options.as_json, is_quiet=options.quiet
        )
    except BaseException:
        recorder.discard()
        raise
    writer.on_document = print_json_line
    if options.duration is not None:
        loop = asyncio.get_running_loop()
        loop.call_later(options.duration, os.kill, os.getpid(), signal.SIGTERM)
    panel = RecordPanel(
        lambda: recorder.writer_status,
        lambda: writer.waiting_bytes,
        lambda: recorder.elapsed_seconds,
    )
    shown.enter_context(live_panel(panel.draw, is_wanted=not options.quiet and not options.as_json))


def _counted(recorder: "Recorder") -> RecordingCounts:
    status = recorder.writer_status
    return RecordingCounts(
        exchanges=status.exchanges,
        events=status.events,
        notes=status.notes,
        secrets=status.secrets,
        proxy_answers=recorder.proxy_answer_count,
    )
