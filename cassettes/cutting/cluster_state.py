"""The state of a cluster in a SUBSCRIBED event of a master, moved on by the events after it.

    state = ClusterState(subscribed)        its `get_state`
    state.apply(event)                      TASK_UPDATED, AGENT_REMOVED, …
    state.write()                           into the SUBSCRIBED event that was given

    TASK_ADDED           the task is added, or replaced
    TASK_UPDATED         its state and statuses change as in Master::updateTask; one that has ended
                         is completed, one that is unreachable is listed there
    AGENT_ADDED          the agent is added, or replaced
    AGENT_REMOVED        the agent is removed, with its executors
    FRAMEWORK_ADDED,
    FRAMEWORK_UPDATED    the framework is added, or replaced
    FRAMEWORK_REMOVED    the framework is completed, with its tasks; its executors are removed

What no event has stays as it was: resources that are allocated or offered, offers, and executors
that were started. Source: src/master/master.cpp.
"""

from typing import Any, cast

from google.protobuf.message import Message

from ...proto.messages.fields import enum_name, type_enum_name
from ...proto.messages.ids import copy_messages

_COMPLETED = {
    "TASK_FINISHED",
    "TASK_FAILED",
    "TASK_KILLED",
    "TASK_ERROR",
    "TASK_LOST",
    "TASK_DROPPED",
    "TASK_GONE",
    "TASK_GONE_BY_OPERATOR",
}
_UNREACHABLE = "TASK_UNREACHABLE"


class ClusterState:
    """The state in a SUBSCRIBED event, a `mesos.v1.master.Event`, which `write` changes."""

    def __init__(self, subscribed: Message) -> None:
        # Messages have no static fields, hence Any.
        state = self._state = cast("Any", subscribed).subscribed.get_state
        self._tasks = _by_id(state.get_tasks.tasks)
        self._unreachable = _by_id(state.get_tasks.unreachable_tasks)
        self._completed = list[Any](state.get_tasks.completed_tasks)
        self._agents = {each.agent_info.id.value: each for each in state.get_agents.agents}
        frameworks = state.get_frameworks.frameworks
        self._frameworks = {each.framework_info.id.value: each for each in frameworks}
        self._ended_frameworks = list[Any](state.get_frameworks.completed_frameworks)
        self._executors = list[Any](state.get_executors.executors)
        self.has_changed = False

    def apply(self, event: Message) -> None:
        """Apply an event of the stream."""
        kind, body = type_enum_name(event) or "", cast("Any", event)
        match kind:
            case "TASK_ADDED":
                task = body.task_added.task
                self._tasks[_task_key(task)] = task
            case "TASK_UPDATED":
                self._update_task(body.task_updated)
            case "AGENT_ADDED":
                agent = body.agent_added.agent
                self._agents[agent.agent_info.id.value] = agent
            case "AGENT_REMOVED":
                self._remove_agent(body.agent_removed.agent_id.value)
            case "FRAMEWORK_ADDED" | "FRAMEWORK_UPDATED":
                framework = getattr(body, kind.lower()).framework
                self._frameworks[framework.framework_info.id.value] = framework
            case "FRAMEWORK_REMOVED":
                self._remove_framework(body.framework_removed.framework_info)
            case _:
                return
        self.has_changed = True

    def write(self) -> None:
        """Write the state into the event."""
        state, tasks = self._state, self._state.get_tasks
        _replace(tasks.tasks, self._tasks.values())
        _replace(tasks.unreachable_tasks, self._unreachable.values())
        _replace(tasks.completed_tasks, self._completed)
        _replace(state.get_executors.executors, self._executors)
        _replace(state.get_frameworks.frameworks, self._frameworks.values())
        _replace(state.get_frameworks.completed_frameworks, self._ended_frameworks)
        _replace(state.get_agents.agents, self._agents.values())
        recovered = state.get_agents.recovered_agents
        _replace(recovered, [each for each in recovered if each.id.value not in self._agents])

    def _update_task(self, updated: Any) -> None:
        status = updated.status
        key = updated.framework_id.value, status.task_id.value
        tasks = self._unreachable if key in self._unreachable else self._tasks
        task = tasks.get(key)
        if task is None:  # It had ended before the stream began.
            return
        task.state = updated.state
        if status.HasField("uuid"):
            task.status_update_state = status.state
            task.status_update_uuid = status.uuid
        if task.statuses and task.statuses[-1].state == status.state:
            del task.statuses[-1]
        task.statuses.append(status)
        task.statuses[-1].ClearField("data")
        name = enum_name(task, "state")
        if name in _COMPLETED:
            self._completed.append(tasks.pop(key))
        elif (name == _UNREACHABLE) != (tasks is self._unreachable):
            other = self._tasks if tasks is self._unreachable else self._unreachable
            other[key] = tasks.pop(key)

    def _remove_agent(self, agent_id: str) -> None:
        self._agents.pop(agent_id, None)
        self._executors = [each for each in self._executors if each.agent_id.value != agent_id]

    def _remove_framework(self, info: Any) -> None:
        framework_id = info.id.value
        framework = self._frameworks.pop(framework_id, None)
        if framework is not None:
            framework.framework_info.CopyFrom(info)
            framework.active = framework.connected = False
            for resources in (framework.allocated_resources, framework.offered_resources):
                del resources[:]
            self._ended_frameworks.append(framework)
        for tasks in (self._tasks, self._unreachable):
            for key in [key for key in tasks if key[0] == framework_id]:
                self._completed.append(tasks.pop(key))
        self._executors = [
            each
            for each in self._executors
            if each.executor_info.framework_id.value != framework_id
        ]


def _task_key(task: Any) -> tuple[str, str]:
    """Return the ids of the framework and of the task."""
    return task.framework_id.value, task.task_id.value


def _by_id(tasks: Any) -> dict[tuple[str, str], Any]:
    return {_task_key(task): task for task in tasks}


def _replace(field: Any, values: Any) -> None:
    """Replace the messages of a repeated field, of which some may be in it now."""
    copies = copy_messages(values)
    del field[:]
    field.extend(copies)
