"""The tables `tasks`, `agents` and `offers`: what events, calls and answers say about them.

A row is one statement about one task, agent or offer, with its time: all rows of a task are its
history, the last one its state. The answers to GET_STATE and its like, and the SUBSCRIBED of a
master, make a row for each that they list.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from .event_rows import EXCHANGE_START, Columns, read_events
from .exchange_rows import message_text, parse_exchange
from .messages import (
    AgentFacts,
    AgentInfoFacts,
    AgentMessage,
    AgentState,
    OfferFacts,
    OfferMessage,
    Resource,
    Status,
    TaskFacts,
    TaskMessage,
    TaskState,
    decode_members,
    id_value,
)
from .schemas import TABLES
from .source import Source

type _Row = tuple[Any, ...]

_ORIGIN_NAMES = ("at_seconds", "exchange", "number", "origin")


class _StateTable[Message](Struct):
    """How a table reads messages: of events and answers, and of calls."""

    message_type: type[Message]
    rows: Callable[[Message], Iterable[_Row]]
    call_rows: Callable[[Message], Iterable[_Row]] = lambda message: ()


def state_rows(source: Source, table: str) -> Iterator[Columns]:
    """Return the columns of a table, block by block. Raises CassetteError."""
    for documents in source.blocks():
        if columns := block_columns(documents, table):
            yield columns


def block_columns(documents: list[bytes], table: str) -> Columns:
    """Return the columns of a table from a block of documents; none if it has no rows there."""
    rows = list(_block_rows(documents, _READERS[table]))
    names = [*_ORIGIN_NAMES, *_own_columns(table)]
    return dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}


def _own_columns(table: str) -> list[str]:
    names = [column.name for column in TABLES[table]]
    return names[names.index("origin") + 1 :]


def _block_rows(documents: list[bytes], table: _StateTable[Any]) -> Iterator[_Row]:
    """Return the rows of a block of documents, in their order."""
    for document in documents:
        if document.startswith(EXCHANGE_START):
            yield from _exchange_rows(document, table)
            continue
        for event in read_events([document]):
            message = decode_members(event.message, table.message_type)
            if message is not None:
                origin = float(event.at), int(event.of), int(event.number), message.type
                rows = table.call_rows if event.side else table.rows
                for row in rows(message):
                    yield *origin, *row


def _exchange_rows(document: bytes, table: _StateTable[Any]) -> Iterator[_Row]:
    """Return the rows of a call, and of its answer."""
    exchange = parse_exchange(document, has_body=True)
    if exchange is None:
        return
    answer_at = exchange.answered_at
    for body, at, rows in (
        (exchange.request, exchange.at, table.call_rows),
        (exchange.response, answer_at, table.rows),
    ):
        message = decode_members(message_text(body), table.message_type)
        if message is not None:
            for row in rows(message):
                yield at, exchange.exchange, None, message.type, *row


def _task_rows(message: TaskMessage) -> Iterator[_Row]:
    snapshot = None if message.subscribed is None else message.subscribed.get_state
    state = snapshot or message.get_state or TaskState(get_tasks=message.get_tasks)
    if (lists := state.get_tasks) is not None:
        for tasks in (
            lists.pending_tasks,
            lists.queued_tasks,
            lists.launched_tasks,
            lists.tasks,
            lists.unreachable_tasks,
            lists.terminated_tasks,
            lists.completed_tasks,
            lists.orphan_tasks,
        ):
            yield from map(_task_row, tasks)
    if message.task_added is not None and message.task_added.task is not None:
        yield _task_row(message.task_added.task)
    if message.update is not None and message.update.status is not None:
        yield _status_row(message.update.status, None)
    updated = message.task_updated
    if updated is not None and updated.status is not None:
        yield _status_row(updated.status, id_value(updated.framework_id), updated.state)


def _task_call_rows(message: TaskMessage) -> Iterator[_Row]:
    """Return the rows of the calls of executors."""
    if message.update is not None and message.update.status is not None:
        yield _status_row(message.update.status, None)


def _task_row(task: TaskFacts) -> _Row:
    executor = task.executor_id or (task.executor and task.executor.executor_id)
    ids = task.task_id, task.framework_id, task.agent_id, executor
    return *map(id_value, ids), task.name, task.state, None, None, None


def _status_row(status: Status, framework: str | None, state: str | None = None) -> _Row:
    """Return the row of an update.

    `state` is the latest state of the task, which the operator API of a master has beside the
    status; that may be older.
    """
    agent, executor = id_value(status.agent_id), id_value(status.executor_id)
    ids = id_value(status.task_id), framework, agent, executor
    return *ids, None, state or status.state, status.reason, status.source, status.message


def _agent_rows(message: AgentMessage) -> Iterator[_Row]:
    snapshot = None if message.subscribed is None else message.subscribed.get_state
    state = snapshot or message.get_state or AgentState(get_agents=message.get_agents)
    if (lists := state.get_agents) is not None:
        for agent in lists.agents:
            yield _agent_row("listed", agent)
        for info in lists.recovered_agents:
            yield _agent_row("listed", AgentFacts(agent_info=info))
    if message.agent_added is not None and message.agent_added.agent is not None:
        yield _agent_row("added", message.agent_added.agent)
    if message.agent_removed is not None:
        yield _named_agent_row("removed", id_value(message.agent_removed.agent_id))
    failure = message.failure
    if failure is not None and failure.executor_id is None:  # Else only an executor failed.
        yield _named_agent_row("failed", id_value(failure.agent_id))


def _agent_call_rows(message: AgentMessage) -> Iterator[_Row]:
    if message.mark_agent_gone is not None:
        yield _named_agent_row("gone", id_value(message.mark_agent_gone.agent_id))


def _agent_row(change: str, agent: AgentFacts) -> _Row:
    info = agent.agent_info or AgentInfoFacts()
    resources = _sums(agent.total_resources or info.resources)
    return change, id_value(info.id), info.hostname, agent.version, agent.active, *resources


def _named_agent_row(change: str, agent_id: str | None) -> _Row:
    return change, agent_id, None, None, None, *_sums([])


def _offer_rows(message: OfferMessage) -> Iterator[_Row]:
    for offer in () if message.offers is None else message.offers.offers:
        yield _offer_row(offer)
    if message.rescind is not None:
        yield _named_offer_row("rescinded", id_value(message.rescind.offer_id), None)


def _offer_call_rows(message: OfferMessage) -> Iterator[_Row]:
    framework = id_value(message.framework_id)
    for change, answer in (("accepted", message.accept), ("declined", message.decline)):
        if answer is not None:
            types = ",".join(each.type or "" for each in answer.operations) or None
            seconds = None if answer.filters is None else answer.filters.refuse_seconds
            for offer in answer.offer_ids:
                yield _named_offer_row(change, offer.value, framework, types, seconds)


def _offer_row(offer: OfferFacts) -> _Row:
    ids = id_value(offer.id), id_value(offer.framework_id), id_value(offer.agent_id)
    return "offered", *ids, offer.hostname, *_sums(offer.resources), None, None


def _named_offer_row(
    change: str,
    offer: str | None,
    framework: str | None,
    operations: str | None = None,
    seconds: float | None = None,
) -> _Row:
    return change, offer, framework, None, None, *_sums([]), operations, seconds


def _sums(resources: list[Resource]) -> tuple[float | None, ...]:
    """Return the sums of the resources that the tables have columns for; None where none is."""
    sums: dict[str, float | None] = dict.fromkeys(("cpus", "mem", "disk", "gpus"))
    for each in resources:
        if each.name in sums and each.scalar is not None and each.scalar.value is not None:
            sums[each.name] = (sums[each.name] or 0.0) + each.scalar.value
    return tuple(sums.values())


_READERS: dict[str, _StateTable[Any]] = {
    "tasks": _StateTable(TaskMessage, _task_rows, _task_call_rows),
    "agents": _StateTable(AgentMessage, _agent_rows, _agent_call_rows),
    "offers": _StateTable(OfferMessage, _offer_rows, _offer_call_rows),
}
