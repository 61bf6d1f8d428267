import asyncio
import socket
import subprocess
from unittest import mock

from mesotape.proxy.workers import pool
from mesotape.proxy.workers.pool import ForkedWorkers, WorkerPool


def test_a_worker_that_does_not_answer_is_killed_and_reported(monkeypatch):
    monkeypatch.setattr(pool, "_ACCOUNT_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    worker = subprocess.Popen(["sleep", "60"], pass_fds=[theirs.fileno()])
    theirs.close()
    failures = []

    async def synchronize():
        forked = ForkedWorkers([worker.pid], [ours], memoryview(bytes(8)).cast("Q"), 10)
        workers = WorkerPool(forked, lambda _, error: failures.append(str(error)))
        workers.begin(mock.Mock())
        await workers.synchronize()
        await workers.synchronize()  # Nothing is left to ask.
        assert not workers.pass_on(mock.Mock(), 1, mock.Mock())
        await workers.stop()

    asyncio.run(synchronize())
    worker.wait()
    text = "has ended: killed by SIGKILL; its clients were cut off"
    assert failures == [f"worker 1 (process {worker.pid}) {text}"]
