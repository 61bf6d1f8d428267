"""A server of S3 in this process, for commands in others."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest

BUCKET = "recordings"


class Gate:
    """Stands before the server, and refuses uploads while it is closed. It counts requests."""

    def __init__(self, server: Any) -> None:
        self._application = server.app
        self.is_closed = False
        self.refused_count = 0
        self.read_count = 0
        self.request_count = 0
        server.app = self

    def __call__(self, environment: Any, start_response: Any) -> Any:
        """Answer a request (PEP 3333)."""
        self.request_count += 1
        self.read_count += "HTTP_RANGE" in environment
        if not self.is_closed or environment["REQUEST_METHOD"] != "PUT":
            return self._application(environment, start_response)
        environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        self.refused_count += 1
        start_response("403 Forbidden", [])
        return []


@contextlib.contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run a server with an empty bucket; yield the file system of fsspec, with its `gate`."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        import fsspec

        store = fsspec.filesystem("s3", use_listings_cache=False, skip_instance_cache=True)
        store.mkdir(BUCKET)
        store.gate = Gate(server._server)
        yield store
    finally:
        server.stop()
