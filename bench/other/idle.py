"""A server of uvicorn or aiohttp that begins a stream and sends no more: python idle.py NAME."""

import asyncio
import socket
import sys
from typing import Any

EVENT = b"3\nfoo"


def listener() -> socket.socket:
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    return listening


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer as an ASGI application."""
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": EVENT, "more_body": True})
        await receive()  # Returns when the client leaves.


async def serve_uvicorn() -> None:
    import uvicorn

    config = uvicorn.Config(
        app, http="httptools", loop="asyncio", lifespan="off", log_level="error"
    )
    await uvicorn.Server(config).serve(sockets=[listener()])


async def serve_aiohttp() -> None:
    from aiohttp import web

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(EVENT)
        await asyncio.Event().wait()
        return response

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.SockSite(runner, listener()).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve_uvicorn() if sys.argv[1] == "uvicorn" else serve_aiohttp())
