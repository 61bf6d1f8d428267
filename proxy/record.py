"""`mesotape record`: a proxy in front of a Mesos master or agent that keeps what is said."""

import asyncio
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec
from msgspec import Struct

from ..addons.writer_process import Start, Status, WriterError, WriterProcess
from ..cassettes.documents import ServerKind
from ..cassettes.writer import Existing
from .console import EXIT_FAILURE, Address, CommandError, announce, live_counts, say


class RecordOptions(Struct, frozen=True, kw_only=True):
    """What to record, from where, into what; without `upstream` there is a mitmproxy `mode`."""

    output: Path
    upstream: str | None = None
    mode: str | None = None
    listen: Address
    server: ServerKind = "master"
    existing: Existing = "refuse"
    only_v1: bool = False
    fail_closed: bool = False
    keep_host: bool = False
    tls_cert: Path | None = None
    tls_key: Path | None = None
    upstream_ca: Path | None = None
    client_cert: Path | None = None
    insecure: bool = False
    settings: tuple[str, ...] = ()
    ready_file: Path | None = None
    as_json: bool = False


def record(options: RecordOptions) -> int:
    """Record until SIGINT or SIGTERM; gives the exit code. Raises CommandError."""
    check(options)
    with tempfile.TemporaryDirectory(prefix="mesotape-") as folder:
        settings = mitmproxy_options(options, Path(folder))
        return asyncio.run(_record(options, settings))


def check(options: RecordOptions) -> None:
    """Refuse what mitmproxy would find out too late, or would not say clearly."""
    if (options.upstream is None) == (options.mode is None):
        raise CommandError("give either the URL of a master or agent, or --mode")
    if options.upstream is not None:
        _check_url(options.upstream)
    if (options.tls_key is None) != (options.tls_cert is None):
        raise CommandError("--tls-cert and --tls-key go together")
    for setting in options.settings:
        if "=" not in setting:
            raise CommandError(f"--set {setting}: expected NAME=VALUE")


def mitmproxy_options(options: RecordOptions, folder: Path) -> dict[str, object]:
    """Say the same in mitmproxy's options; certificates are put together in a private folder."""
    host, port = options.listen
    settings: dict[str, object] = {
        "mode": [options.mode or f"reverse:{options.upstream}"],
        "listen_host": host,
        "listen_port": port,
        "confdir": str(folder),
        "keep_host_header": options.keep_host,
        "ssl_insecure": options.insecure,
        "mesotape_server": options.server,
        "mesotape_only_v1": options.only_v1,
        "mesotape_fail_closed": options.fail_closed,
    }
    if options.tls_cert is not None and options.tls_key is not None:
        both = folder / "server.pem"
        both.touch(mode=0o600)
        both.write_bytes(_read(options.tls_key) + b"\n" + _read(options.tls_cert))
        settings["certs"] = [f"*={both}"]
    if options.upstream_ca is not None:
        _read(options.upstream_ca)
        settings["ssl_verify_upstream_trusted_ca"] = str(options.upstream_ca)
    if options.client_cert is not None:
        _read(options.client_cert)
        settings["client_certs"] = str(options.client_cert)
    return settings


async def _record(options: RecordOptions, settings: dict[str, object]) -> int:
    upstream = options.upstream or options.mode
    start = Start(
        path=str(options.output),
        existing=options.existing,
        server=options.server,
        upstream=upstream,
    )
    writer = WriterProcess(start)
    try:
        # It takes seconds to import, while the writer starts.
        from .interception import InterceptionError, Recorder, intercept

        recorder = Recorder()
        for warning in recorder.start(writer).warnings:
            say(f"warning: {warning}")
    except ImportError as error:
        writer.abandon()
        raise CommandError("recording needs mitmproxy: pip install 'mesotape[record]'") from error
    except WriterError as error:
        raise CommandError(str(error)) from error

    def ready(addresses: list[tuple[str, int]]) -> None:
        scheme = "https" if options.tls_cert is not None else "http"
        url = f"{scheme}://{Address(*addresses[0])}"
        text = f"recording {upstream} on {url} into {options.output}"
        announce(text, url, options.ready_file, as_json=options.as_json)

    try:
        with live_counts(lambda: _counted(writer.status)):
            await intercept(recorder, settings, options.settings, ready)
    except InterceptionError as error:
        raise CommandError(str(error)) from error
    finally:
        await recorder.done()
    if options.as_json:
        click.echo(msgspec.json.encode(writer.status))
    else:
        say(f"recorded {_counted(writer.status)} into {options.output}")
    return EXIT_FAILURE if recorder.failure is not None else 0


def _counted(status: Status) -> str:
    return f"{status.exchanges} exchanges, {status.events} events, {status.notes} notes"


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise CommandError(f"{url}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise CommandError(f"{url}: expected a URL like http://master.example:5050")
    if parts.path.strip("/") or parts.query or parts.username:
        raise CommandError(f"{url}: expected scheme, host and port only")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
