"""The coroutines of a player, in the loops of asyncio, trio and anyio."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio
from support.cassette_builder import BEAT, call, said, stream, written
from support.sockets import connect, post

from mesotape.cassettes.answers.pace import Stepped
from mesotape.cassettes.playback.playback import Options
from mesotape.proxy.control.player import Player

HEALTH = said("GET_HEALTH")

type Start = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

STARTS: dict[str, Start] = {
    "asyncio": lambda test: asyncio.run(test()),
    "trio": trio.run,
    "anyio on asyncio": functools.partial(anyio.run, backend="asyncio"),
    "anyio on trio": functools.partial(anyio.run, backend="trio"),
}
EACH_LOOP = pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    path = written(
        tmp_path / "cassette.yaml",
        stream(1, 0.0, [(0.1, BEAT), (0.2, BEAT)]),
        call(2, 0.5, HEALTH, HEALTH),
    )
    with Player(path, Options(pace=Stepped()), strict=False) as player:
        yield player


def ask(player: Player, text: str = HEALTH) -> None:
    with connect(player.address) as wire:
        wire.send(post(text.encode()))
        wire.until(b"\r\n\r\n")


@EACH_LOOP
def test_a_task_waits_while_others_run(player: Player, start: Start) -> None:
    async def test() -> None:
        async def wait() -> None:
            made = await player.aio.await_call("GET_HEALTH", path="/api/v1")
            assert made.outcome == "served"
            done.append(made.number)

        done = list[int]()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            assert done == []
            await anyio.to_thread.run_sync(ask, player)
        assert done == [1]

    start(test)


@EACH_LOOP
def test_a_stream_is_advanced_and_a_replay_reset(player: Player, start: Start) -> None:
    async def test() -> None:
        with connect(player.address) as wire:
            wire.send(post(said("SUBSCRIBE").encode()))
            wire.until(b"\r\n\r\n")
            assert await player.aio.advance() == 1
            assert await player.aio.await_events(1, of="SUBSCRIBE") == 1
            await player.aio.reset()
            assert player.calls == []

    start(test)


@EACH_LOOP
@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda aio: aio.await_call("GET_STATE", timeout_seconds=0), TimeoutError),
        (lambda aio: aio.await_call(verb="POST"), TypeError),
        (lambda aio: aio.advance(1, seconds=1), ValueError),
    ],
)
def test_errors_are_raised_where_the_task_waits(
    player: Player, start: Start, call: Callable[[Any], Coroutine[Any, Any, None]], error: type
) -> None:
    async def test() -> None:
        with pytest.raises(error) as caught:
            await call(player.aio)
        assert "controls.py" not in {entry.path.name for entry in caught.traceback}  # type: ignore[union-attr]

    start(test)


@EACH_LOOP
def test_a_task_that_is_cancelled_no_longer_waits(player: Player, start: Start) -> None:
    async def test() -> None:
        with anyio.move_on_after(0.01) as scope:
            await player.aio.await_call("GET_HEALTH", timeout_seconds=60)
        assert scope.cancelled_caught
        await anyio.to_thread.run_sync(ask, player)
        # Nobody else has taken the call.
        assert (await player.aio.await_call("GET_HEALTH")).number == 1

    start(test)


@EACH_LOOP
def test_a_player_that_is_closed_ends_the_wait(player: Player, start: Start) -> None:
    async def test() -> None:
        async def wait() -> None:
            with pytest.raises(RuntimeError, match="the player was closed during the call"):
                await player.aio.await_call("GET_HEALTH", timeout_seconds=60)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await anyio.to_thread.run_sync(player.close)
        with pytest.raises(RuntimeError, match="the player is closed"):
            await player.aio.advance()

    start(test)


def test_a_loop_of_trio_may_run_in_one_of_asyncio(player: Player) -> None:
    async def test() -> int:
        ask(player)
        return (await player.aio.await_call("GET_HEALTH")).number

    async def host() -> int:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        outcomes = list[Any]()

        def finish(outcome: Any) -> None:
            outcomes.append(outcome)
            done.set()

        trio.lowlevel.start_guest_run(
            test, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=finish
        )
        await done.wait()
        return outcomes[0].unwrap()

    assert asyncio.run(host()) == 1
