"""mitmproxy, embedded: the only module of this floor that imports it.

`Master` does less than mitmdump, and therefore costs about half: no other addons, no script
reloading, no configuration file, nothing in the home folder. It differs in four points from what
its base class does: a port that cannot be bound is an error, `done` closes the listeners and the
connections, the recorder is stopped before it does, and warnings go to stderr, one line each.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mitmproxy import ctx, exceptions, options
from mitmproxy.addons.core import Core
from mitmproxy.addons.next_layer import NextLayer
from mitmproxy.addons.proxyserver import Proxyserver as MitmproxyProxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.connection import Client
from mitmproxy.master import Master as MitmproxyMaster
from mitmproxy.proxy.mode_servers import ServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from ...addons.recorder import Recorder
from ..http.address import Address
from .console import listen_error_text, print_to_stderr

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0
"""How long connections get to end by themselves when the proxy stops."""

FORCED: dict[str, object] = {
    "connection_strategy": "lazy",  # eager: a dead upstream is seen by no addon
    "tcp_timeout": 10**9,  # a quiet stream is not a dead one
    "http2": False,  # Mesos speaks HTTP/1.1 only
}


class ProxyStartError(Exception):
    """mitmproxy cannot start; the text says why, in one line."""


class Proxyserver(MitmproxyProxyserver):
    """Listens on TCP alone where mitmproxy would also take QUIC: in front of an https upstream."""

    async def setup_servers(self) -> bool:
        """Start the servers of all modes."""
        modes: list[Any] = [ProxyMode.parse(mode) for mode in ctx.options.mode]
        for mode in modes:
            if mode.type_name == "reverse" and mode.scheme == "https":
                mode.transport_protocol = "tcp"
        return await self.servers.update(modes)


class StartGate:
    """Keeps clients waiting until their calls can be recorded."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()
        self._closed = False

    async def client_connected(self, client: Client) -> None:
        """Hold back a client; one that came too late is sent away."""
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
    """Takes a TLS alert for the end of a connection.

    mitmproxy takes no notice of one that comes after the handshake, which is how TLS 1.3 refuses a
    client's certificate, nor of the close after it: the other side would wait for ever.
    """

    def tls_start_server(self, start: TlsData) -> None:
        """Watch what an upstream sends."""
        connection: Any = start.ssl_conn
        receive: Callable[[int], bytes] = connection.recv

        def recv(size: int) -> bytes:
            try:
                return receive(size)
            except (SSL.WantReadError, SSL.ZeroReturnError):
                raise
            except SSL.Error as error:
                host, port, *_ = start.conn.peername or ("nobody", 0)
                logger.warning("TLS with %s ended: %s", Address(host, port), _reason(error))
                raise SSL.ZeroReturnError from error

        connection.recv = recv

    def tls_start_client(self, start: TlsData) -> None:
        """Watch what a client sends."""
        self.tls_start_server(start)


class Warnings(logging.Handler):
    """Says what went wrong while the proxy runs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Say the first line, and which exception was behind it."""
        text = record.getMessage().partition("\n")[0]
        if record.exc_info is not None and (error := record.exc_info[1]) is not None:
            text = f"{text} ({type(error).__name__}: {error})"
        ours = record.name.startswith("mesotape.")
        print_to_stderr(text.removeprefix("mesotape: ") if ours else f"mitmproxy: {text}")


class RecordingProxy(MitmproxyMaster):
    """Runs the proxy and one recorder until `shutdown`."""

    def __init__(self, recorder: Recorder, ready: Callable[[list[tuple[str, int]]], None]) -> None:
        super().__init__(options.Options(), asyncio.get_running_loop())
        self._recorder, self._ready = recorder, ready
        # What mitmproxy says of its own types is incomplete, hence Any.
        self._proxyserver: Any = Proxyserver()
        self._door = StartGate()
        self._warnings = Warnings()
        logging.getLogger("mesotape").addHandler(self._warnings)
        self.startup_error: Exception | None = None
        manager: Any = self.addons
        tls = TlsConfig(), Alerts()
        manager.add(Core(), self._proxyserver, NextLayer(), *tls, self._door, recorder)

    async def running(self) -> None:
        """Report the addresses, or what kept a server from starting."""
        await super().running()
        try:
            for server in self._proxyserver.servers:
                if not server.is_running:
                    raise ProxyStartError(_cannot_listen(server))
            self._ready([address[:2] for address in self._proxyserver.listen_addrs()])
        except Exception as error:
            self.startup_error = error
            self.shutdown()
        else:
            logging.getLogger("mitmproxy").addHandler(self._warnings)
            self._door.open()

    async def done(self) -> None:
        """Stop the recorder, the listeners and the connections, in that order."""
        self._recorder.stop()
        self._door.close()
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
    ready: Callable[[list[tuple[str, int]]], None],
) -> None:
    """Run the proxy with options of mitmproxy until SIGINT or SIGTERM.

    `settings` are typed values, `extra` is NAME=VALUE text that comes on top. `ready` is called
    once with the (host, port) pairs that are listened on, and clients wait until it returns. Raises
    InterceptionError for an option that mitmproxy refuses, or an address that cannot be bound, and
    what `ready` raises.
    """
    logging.getLogger("mitmproxy").setLevel(logging.WARNING)
    master = RecordingProxy(recorder, ready)
    known: Any = master.options
    try:
        known.update(**FORCED | dict(settings))
        known.set(*extra)
    except (exceptions.OptionsError, TypeError, KeyError) as error:
        raise ProxyStartError(f"mitmproxy refuses an option: {error}") from error
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, master.shutdown)
    await master.run()
    if master.startup_error is not None:
        raise master.startup_error


def _reason(error: SSL.Error) -> str:
    """The last part of what OpenSSL says, like: tlsv13 alert certificate required."""
    match error.args:
        case ([(*_, str(reason)), *_],):
            return reason
        case _:
            return str(error)


def _cannot_listen(server: ServerInstance[Any]) -> str:
    host = server.mode.listen_host(ctx.options.listen_host)
    port = server.mode.listen_port(ctx.options.listen_port)
    error = server.last_exception
    error = error.__cause__ if error is not None and error.__cause__ is not None else error
    if not isinstance(error, OSError) or port is None:
        return f"{server.mode.full_spec}: cannot be started: {error}"
    return listen_error_text(Address(host, port), error)
