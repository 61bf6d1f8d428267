"""mitmproxy, embedded: the only module of `proxy/` that imports it.

`RecordingProxy` does less than mitmdump, and costs about half of its CPU: no other addons, no
script reloading, no configuration file, nothing in the home folder. It differs from its base class
in four points: a port that cannot be bound is an error, `done` closes the listeners and the
connections, the recorder is stopped before that, and warnings go to stderr, one line each.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import ctx, exceptions, options
from mitmproxy.addons.core import Core
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver as MitmproxyProxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.connection import Client, Connection
from mitmproxy.master import Master as MitmproxyMaster
from mitmproxy.proxy.mode_servers import ServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode, UpstreamMode
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from ...addons.recorder import Recorder
from ...addons.traffic.certificate_store import CertificatesInMemory
from ...addons.traffic.guard import Guard
from ...addons.traffic.mitmproxy_addons import addon_options, addons_for, refused_options
from ...addons.traffic.own_address import LoopGuard, is_own_address
from ...cassettes.format.closest_word import nearest_hint
from ...proto.http.address import Address
from .console import OptionError, interrupts, listen_error_text, print_to_stderr

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0
"""Time for connections to end by themselves when the proxy stops."""

OPEN_SECONDS = 3.0
"""Time for a cassette to be opened, once there was a signal to stop."""

type ReadyCallback = Callable[[list[tuple[str, int]]], Coroutine[Any, Any, None]]

FORCED: dict[str, object] = {
    "connection_strategy": "lazy",  # with eager, addons do not see a dead upstream
    "tcp_timeout": 10**9,  # a quiet stream is not a dead one
    "http2": False,  # Mesos speaks HTTP/1.1 only
}


class ProxyStartError(Exception):
    """mitmproxy cannot start; the text gives the reason in one line."""


class Proxyserver(MitmproxyProxyserver):
    """Listens on TCP only; in front of an https upstream, mitmproxy would also listen for QUIC."""

    async def setup_servers(self) -> bool:
        """Start the servers of all modes."""
        modes: list[Any] = [ProxyMode.parse(mode) for mode in ctx.options.mode]
        for mode in modes:
            if mode.type_name == "reverse" and mode.scheme == "https":
                mode.transport_protocol = "tcp"
        return await self.servers.update(modes)


class StartGate:
    """Holds clients back until their calls can be recorded."""

    def __init__(self, guard: Guard) -> None:
        self.client_connected = guard.wrap_async(self._hold)
        self._opened = asyncio.Event()
        self._closed = False

    async def _hold(self, client: Client) -> None:
        """Hold a client back; refuse it if the proxy has been stopped."""
        await self._opened.wait()
        if self._closed:
            client.error = "the proxy was stopped"

    def open(self) -> None:
        """Let clients in."""
        self._opened.set()

    def close(self) -> None:
        """Let no more clients in."""
        self._closed = True
        self._opened.set()


class Alerts:
    """Treats a TLS alert as the end of the connection.

    mitmproxy ignores an alert after the handshake, which is how TLS 1.3 refuses a client's
    certificate, and the close after it: the other side would wait without end.
    """

    def __init__(self, guard: Guard) -> None:
        self._report = guard.wrap(self._warn)

    def tls_start_server(self, start: TlsData) -> None:
        """Watch the connection to an upstream."""
        connection: Any = start.ssl_conn
        receive: Callable[[int], bytes] = connection.recv

        def recv(size: int) -> bytes:
            try:
                return receive(size)
            except (SSL.WantReadError, SSL.ZeroReturnError):
                raise
            except SSL.Error as error:
                self._report(start.conn, error)
                raise SSL.ZeroReturnError from error

        connection.recv = recv

    def tls_start_client(self, start: TlsData) -> None:
        """Watch the connection to a client."""
        self.tls_start_server(start)

    def _warn(self, connection: Connection, error: SSL.Error) -> None:
        host, port, *_ = connection.peername or ("unknown", 0)
        logger.warning("TLS with %s ended: %s", Address(host, port), _reason(error))


class Warnings(logging.Handler):
    """Prints warnings of mitmproxy and of the addons on stderr."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(logging.WARNING)
        self.emit = guard.wrap(self._print)

    def _print(self, record: logging.LogRecord) -> None:
        """Print the first line, with the exception that caused it."""
        text = record.getMessage().partition("\n")[0]
        if record.exc_info is not None and (error := record.exc_info[1]) is not None:
            text = f"{text} ({type(error).__name__}: {error})"
        ours = record.name.startswith("mesotape.")
        print_to_stderr(text.removeprefix("mesotape: ") if ours else f"mitmproxy: {text}")


class RecordingProxy(MitmproxyMaster):
    """Runs the proxy and one recorder until `shutdown`."""

    def __init__(
        self,
        recorder: Recorder,
        ready: ReadyCallback,
        options_to_set: Collection[str] = (),
        server_certificate: tuple[Path, Path] | None = None,
    ) -> None:
        super().__init__(options.Options(), asyncio.get_running_loop())
        self._recorder, self._ready = recorder, ready
        # mitmproxy's own types are incomplete, hence Any.
        self._proxyserver: Any = Proxyserver()
        self._start_gate = StartGate(recorder.guard)
        self._warnings = Warnings(recorder.guard)
        logging.getLogger("mesotape").addHandler(self._warnings)
        self.startup_error: Exception | None = None
        manager: Any = self.addons
        own = Core(), self._proxyserver, NextLayer(), CertificatesInMemory(server_certificate)
        types = (MitmproxyProxyserver, TlsConfig, *map(type, own))
        asked_for = addons_for(options_to_set, types)
        own += Alerts(recorder.guard), self._start_gate, LoopGuard(self._listening, recorder.guard)
        manager.add(*own, *asked_for, recorder)

    async def running(self) -> None:
        """Report the addresses, or the error that kept a server from starting."""
        await super().running()
        try:
            for server in self._proxyserver.servers:
                if not server.is_running:
                    raise ProxyStartError(_cannot_listen(server))
                _check_upstream(server)
            addresses = [address[:2] for address in self._proxyserver.listen_addrs()]
            await self._finish(asyncio.create_task(self._ready(addresses)))
        except Exception as error:
            self.startup_error = error
            self.shutdown()
        else:
            logging.getLogger("mitmproxy").addHandler(self._warnings)
            self._start_gate.open()

    async def _finish(self, opening: asyncio.Task[None]) -> None:
        """Wait until recording has started; after a signal, for a limited time."""
        exiting = asyncio.create_task(self.should_exit.wait())
        await asyncio.wait([opening, exiting], return_when=asyncio.FIRST_COMPLETED)
        exiting.cancel()
        try:
            async with asyncio.timeout(None if opening.done() else OPEN_SECONDS):
                await opening
        except TimeoutError as error:
            text = "was not opened before the signal to stop: is the disk blocked?"
            raise ProxyStartError(f"the cassette {text}") from error

    def _listening(self) -> list[Address]:
        return [Address(*each[:2]) for each in self._proxyserver.listen_addrs()]

    async def done(self) -> None:
        """Stop the recorder, the listeners and the connections, in that order."""
        self._recorder.guard.wrap(self._recorder.stop)()
        self._start_gate.close()
        await self._proxyserver.servers.update([])
        for connection in list(self._proxyserver.connections.values()):
            if (client := connection.transports.get(connection.client)) and client.handler:
                client.handler.cancel("the proxy was stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._proxyserver.connections:
                    await asyncio.sleep(0.01)
        await super().done()
        for name in ("mesotape", "mitmproxy"):
            logging.getLogger(name).removeHandler(self._warnings)


async def run_proxy(
    recorder: Recorder,
    settings: Mapping[str, object],
    extra: Sequence[str],
    ready: ReadyCallback,
    server_certificate: tuple[Path, Path] | None = None,
) -> None:
    """Run the proxy with options of mitmproxy until SIGINT, SIGTERM or SIGHUP.

    `settings` are typed values; `extra` is NAME=VALUE text, which wins. `server_certificate` is the
    files of a certificate and its key, if clients use TLS. `ready` is called once with
    the (host, port) pairs of the listeners, and clients wait until it returns. Raises
    OptionError for an option that mitmproxy refuses, ProxyStartError for an address that cannot be
    bound, and whatever `ready` raises.
    """
    logging.getLogger("mitmproxy").setLevel(logging.WARNING)
    names = dict.fromkeys(each.partition("=")[0] for each in extra)
    refused = refused_options() if names else {}
    for name in names:
        if name in refused:
            raise OptionError(f"--set {name}: {refused[name]}")
    master = RecordingProxy(recorder, ready, names, server_certificate)
    mitmproxy_options: Any = master.options
    try:
        mitmproxy_options.update(**FORCED | dict(settings))
    except (exceptions.OptionsError, TypeError, KeyError) as error:
        raise OptionError(f"mitmproxy refuses an option: {error}") from error
    for name in names:
        if name not in mitmproxy_options:
            hint = nearest_hint(name, {*addon_options(), *options.Options().keys()})
            raise OptionError(f"--set {name}: mitmproxy has no such option{hint}")
        values = [each for each in extra if each.partition("=")[0] == name]
        try:
            mitmproxy_options.set(*values)
        except (exceptions.OptionsError, TypeError, ValueError) as error:
            text = str(error).partition("\n")[0]
            raise OptionError(f"--set {name}: {text}") from error
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, master.shutdown)
    interrupts.check()
    await master.run()
    if master.startup_error is not None:
        raise master.startup_error


def _reason(error: SSL.Error) -> str:
    """Return the last part of an OpenSSL error, like: tlsv13 alert certificate required."""
    match error.args:
        case ([(*_, str(reason)), *_],):
            return reason
        case _:
            return str(error)


def _check_upstream(server: ServerInstance[Any]) -> None:
    """Refuse a proxy whose upstream is itself. Raises ProxyStartError."""
    mode: Any = server.mode
    if not isinstance(mode, (ReverseMode, UpstreamMode)):
        return
    upstream = Address(*mode.address)
    listening = [Address(*each[:2]) for each in server.listen_addrs]
    if is_own_address(upstream, listening):
        text = f"the upstream {upstream} is this recorder, which listens on {listening[0]}"
        raise ProxyStartError(f"{text}: name the master or agent, or another --listen")


def _cannot_listen(server: ServerInstance[Any]) -> str:
    host = server.mode.listen_host(ctx.options.listen_host)
    port = server.mode.listen_port(ctx.options.listen_port)
    error = server.last_exception
    error = error.__cause__ if error is not None and error.__cause__ is not None else error
    if not isinstance(error, OSError) or port is None:
        return f"{server.mode.full_spec}: cannot be started: {error}"
    if server.mode.custom_listen_port is None:
        return listen_error_text(Address(host, port), error)
    mode = server.mode.full_spec.rpartition("@")[0]
    return listen_error_text(Address(host, port), error, f"--mode {mode}@")
