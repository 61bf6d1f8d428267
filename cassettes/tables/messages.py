"""The few members of messages that are columns of tables, and the decoders for them.

In a cassette, JSON and protobuf messages are both shown as Mesos JSON, so one decoder reads both.
It skips all members that are not named here. What does not fit is left out: `problems` says why.
"""

from typing import Any

import msgspec
from msgspec import Struct


class Id(Struct, gc=False):
    """An id of any kind."""

    value: str | None = None


class Scalar(Struct, gc=False):
    """A number of a resource."""

    value: float | None = None


class Resource(Struct):
    """One resource, such as a part of the CPUs."""

    name: str | None = None
    scalar: Scalar | None = None


class Status(Struct):
    """mesos.v1.TaskStatus."""

    task_id: Id | None = None
    agent_id: Id | None = None
    executor_id: Id | None = None
    state: str | None = None
    reason: str | None = None
    source: str | None = None
    message: str | None = None


class ExecutorFacts(Struct):
    """mesos.v1.ExecutorInfo."""

    executor_id: Id | None = None


class TaskFacts(Struct):
    """mesos.v1.Task, or TaskInfo without a state."""

    name: str | None = None
    task_id: Id | None = None
    framework_id: Id | None = None
    agent_id: Id | None = None
    executor_id: Id | None = None
    executor: ExecutorFacts | None = None
    state: str | None = None


class Identified(Struct):
    """mesos.v1.FrameworkInfo or AgentInfo."""

    id: Id | None = None


class AgentInfoFacts(Struct):
    """mesos.v1.AgentInfo."""

    id: Id | None = None
    hostname: str | None = None
    resources: list[Resource] = []


class AgentFacts(Struct):
    """Response.GetAgents.Agent of the master."""

    agent_info: AgentInfoFacts | None = None
    active: bool | None = None
    version: str | None = None
    total_resources: list[Resource] = []


class OfferFacts(Struct):
    """mesos.v1.Offer."""

    id: Id | None = None
    framework_id: Id | None = None
    agent_id: Id | None = None
    hostname: str | None = None
    resources: list[Resource] = []


class Failure(Struct):
    """The body of FAILURE; its `status` is a number."""

    agent_id: Id | None = None
    executor_id: Id | None = None


class Agent(Struct):
    """The agent of AGENT_ADDED."""

    agent_info: Identified | None = None


class Framework(Struct):
    """The framework of FRAMEWORK_ADDED and FRAMEWORK_UPDATED."""

    framework_info: Identified | None = None


class EventBody(Struct):
    """The members that bodies of events have, whatever the type."""

    framework_id: Id | None = None
    agent_id: Id | None = None
    executor_id: Id | None = None
    task_id: Id | None = None
    offer_id: Id | None = None
    state: str | None = None
    status: Status | None = None
    task: TaskFacts | None = None
    agent: Agent | None = None
    framework: Framework | None = None
    framework_info: Identified | None = None
    agent_info: Identified | None = None
    executor_info: ExecutorFacts | None = None


class EventMessage(Struct):
    """An event of any API, for the table `events`."""

    type: str | None = None
    subscribed: EventBody | None = None
    rescind: EventBody | None = None
    update: EventBody | None = None
    message: EventBody | None = None
    failure: Failure | None = None
    launch: EventBody | None = None
    kill: EventBody | None = None
    acknowledged: EventBody | None = None
    task_added: EventBody | None = None
    task_updated: EventBody | None = None
    agent_added: EventBody | None = None
    agent_removed: EventBody | None = None
    framework_added: EventBody | None = None
    framework_updated: EventBody | None = None
    framework_removed: EventBody | None = None


class CallMessage(Struct):
    """A call of any API, for the table `exchanges`."""

    type: str | None = None
    framework_id: Id | None = None


class TaskLists(Struct):
    """GetTasks, of a master or an agent."""

    pending_tasks: list[TaskFacts] = []
    queued_tasks: list[TaskFacts] = []
    launched_tasks: list[TaskFacts] = []
    tasks: list[TaskFacts] = []
    unreachable_tasks: list[TaskFacts] = []
    terminated_tasks: list[TaskFacts] = []
    completed_tasks: list[TaskFacts] = []
    orphan_tasks: list[TaskFacts] = []


class TaskState(Struct):
    """GetState, as far as it is about tasks."""

    get_tasks: TaskLists | None = None


class TaskSnapshot(Struct):
    """SUBSCRIBED of a master, as far as it is about tasks."""

    get_state: TaskState | None = None


class TaskMessage(Struct):
    """An event, call or answer, for the table `tasks`."""

    type: str | None = None
    subscribed: TaskSnapshot | None = None
    get_state: TaskState | None = None
    get_tasks: TaskLists | None = None
    task_added: EventBody | None = None
    task_updated: EventBody | None = None
    update: EventBody | None = None


class AgentLists(Struct):
    """GetAgents."""

    agents: list[AgentFacts] = []
    recovered_agents: list[AgentInfoFacts] = []


class AgentState(Struct):
    """GetState, as far as it is about agents."""

    get_agents: AgentLists | None = None


class AgentSnapshot(Struct):
    """SUBSCRIBED of a master, as far as it is about agents."""

    get_state: AgentState | None = None


class AddedAgent(Struct):
    """The body of AGENT_ADDED."""

    agent: AgentFacts | None = None


class AgentMessage(Struct):
    """An event, call or answer, for the table `agents`."""

    type: str | None = None
    subscribed: AgentSnapshot | None = None
    get_state: AgentState | None = None
    get_agents: AgentLists | None = None
    agent_added: AddedAgent | None = None
    agent_removed: Failure | None = None
    mark_agent_gone: Failure | None = None
    failure: Failure | None = None


class Offers(Struct):
    """The body of OFFERS."""

    offers: list[OfferFacts] = []


class Operation(Struct):
    """An operation of ACCEPT."""

    type: str | None = None


class Filters(Struct):
    """mesos.v1.Filters."""

    refuse_seconds: float | None = None


class OfferAnswer(Struct):
    """The body of ACCEPT and of DECLINE."""

    offer_ids: list[Id] = []
    operations: list[Operation] = []
    filters: Filters | None = None


class OfferMessage(Struct):
    """An event or call, for the table `offers`."""

    type: str | None = None
    framework_id: Id | None = None
    offers: Offers | None = None
    rescind: EventBody | None = None
    accept: OfferAnswer | None = None
    decline: OfferAnswer | None = None


_DECODERS: dict[type, "msgspec.json.Decoder[Any]"] = {}


def decode_members[Message](text: bytes, message_type: type[Message]) -> Message | None:
    """Decode the members that a type names; None if the text is empty or does not fit it."""
    if not text:
        return None
    decoder = _DECODERS.get(message_type)
    if decoder is None:
        decoder = _DECODERS[message_type] = msgspec.json.Decoder(message_type)
    try:
        return decoder.decode(text)
    except (ValueError, RecursionError):
        return None


def id_value(found: Id | None) -> str | None:
    """Return the value of an id."""
    return None if found is None else found.value
