"""The five v1 APIs: their routes, messages and calls.

    master  /api/v1                     the operator API of a master
    master  /api/v1/scheduler           schedulers
    agent   /api/v1                     the operator API of an agent
    agent   /api/v1/executor            executors
    agent   /api/v1/resource_provider   resource providers

endpoints.py finds the API of a path. Sources: src/master/http.cpp,
src/slave/http.cpp, src/resource_provider/manager.cpp.
"""

from typing import Literal

from msgspec import Struct

type ServerKind = Literal["master", "agent"]
type BodyPresence = Literal["required", "optional"]

PROCESS_IO = "mesos.v1.agent.ProcessIO"


class CallType(Struct, frozen=True, kw_only=True):
    """A type of call and its properties. UNKNOWN, which every API answers with 501, is none.

    `response_message`       full name of the message in a 200; None if it is empty or a stream
    `record_message`         full name of the messages in the stream that answers the call
    `has_streamed_request`   the request is a stream of calls, too
    `is_mutating`            changes the state of the cluster
    `causes_events`          changes no state, but makes events or keeps something alive
    `body_field`             the field of the call with its parameters, and whether it must be set
    """

    name: str
    response_message: str | None = None
    record_message: str | None = None
    has_streamed_request: bool = False
    is_mutating: bool = False
    causes_events: bool = False
    body_field: str | None = None
    body_presence: BodyPresence | None = None


class Api(Struct, frozen=True, kw_only=True):
    """One API: its server, the full names of its messages, and its calls by type name.

    `route` is the path without the name of the actor and without slashes at its ends. The
    `event_message` of an agent is ProcessIO, a record of an attached container. Executors and
    resource providers have no `response_message`: a call is answered by a stream or an empty body.
    """

    name: Literal["master", "agent", "scheduler", "executor", "resource_provider"]
    server: ServerKind
    route: str
    call_message: str
    event_message: str
    response_message: str | None
    call_types: dict[str, CallType]


# A line for each call: its type, then its properties.
#     answer      answered by a Response    stream    answered by a stream
#     streams-in  the request is a stream   mutates   changes the state of the cluster
#     causes      makes events without changing state
#     body        its field must be set     body?     its field may be set
_MASTER = """
GET_HEALTH answer
GET_FLAGS answer
GET_VERSION answer
GET_METRICS answer body
GET_LOGGING_LEVEL answer
SET_LOGGING_LEVEL mutates body
LIST_FILES answer body
READ_FILE answer body
GET_STATE answer
GET_AGENTS answer
GET_FRAMEWORKS answer
GET_EXECUTORS answer
GET_OPERATIONS answer
GET_TASKS answer
GET_ROLES answer
GET_WEIGHTS answer
UPDATE_WEIGHTS mutates body
GET_MASTER answer
SUBSCRIBE stream
RESERVE_RESOURCES mutates body
UNRESERVE_RESOURCES mutates body
CREATE_VOLUMES mutates body
DESTROY_VOLUMES mutates body
GROW_VOLUME mutates body
SHRINK_VOLUME mutates body
GET_MAINTENANCE_STATUS answer
GET_MAINTENANCE_SCHEDULE answer
UPDATE_MAINTENANCE_SCHEDULE mutates body
START_MAINTENANCE mutates body
STOP_MAINTENANCE mutates body
DRAIN_AGENT mutates body
DEACTIVATE_AGENT mutates body
REACTIVATE_AGENT mutates body
GET_QUOTA answer
UPDATE_QUOTA mutates body
SET_QUOTA mutates body
REMOVE_QUOTA mutates body
TEARDOWN mutates body
MARK_AGENT_GONE mutates body
"""

_AGENT = """
GET_HEALTH answer
GET_FLAGS answer
GET_VERSION answer
GET_METRICS answer body
GET_LOGGING_LEVEL answer
SET_LOGGING_LEVEL mutates body
LIST_FILES answer body
READ_FILE answer body
GET_STATE answer
GET_CONTAINERS answer body?
GET_FRAMEWORKS answer
GET_EXECUTORS answer
GET_OPERATIONS answer
GET_TASKS answer
GET_AGENT answer
GET_RESOURCE_PROVIDERS answer
LAUNCH_NESTED_CONTAINER mutates body
WAIT_NESTED_CONTAINER answer body
KILL_NESTED_CONTAINER mutates body
REMOVE_NESTED_CONTAINER mutates body
LAUNCH_NESTED_CONTAINER_SESSION stream mutates body
ATTACH_CONTAINER_INPUT streams-in mutates body
ATTACH_CONTAINER_OUTPUT stream body
LAUNCH_CONTAINER mutates body
WAIT_CONTAINER answer body
KILL_CONTAINER mutates body
REMOVE_CONTAINER mutates body
ADD_RESOURCE_PROVIDER_CONFIG mutates body
UPDATE_RESOURCE_PROVIDER_CONFIG mutates body
REMOVE_RESOURCE_PROVIDER_CONFIG mutates body
MARK_RESOURCE_PROVIDER_GONE mutates body
PRUNE_IMAGES mutates body?
"""

# RECONCILE_OPERATIONS is answered by 202 now; older masters sent a scheduler.Response.
_SCHEDULER = """
SUBSCRIBE stream mutates body
TEARDOWN mutates
ACCEPT mutates body
DECLINE mutates body
ACCEPT_INVERSE_OFFERS mutates body
DECLINE_INVERSE_OFFERS mutates body
REVIVE mutates body?
KILL mutates body
SHUTDOWN mutates body
ACKNOWLEDGE mutates body
ACKNOWLEDGE_OPERATION_STATUS mutates body
RECONCILE causes body
RECONCILE_OPERATIONS answer causes body
MESSAGE mutates body
REQUEST mutates body
SUPPRESS mutates body?
UPDATE_FRAMEWORK mutates body
"""

_EXECUTOR = """
SUBSCRIBE stream mutates body
UPDATE mutates body
MESSAGE mutates body
HEARTBEAT causes
"""

_RESOURCE_PROVIDER = """
SUBSCRIBE stream mutates body
UPDATE_OPERATION_STATUS mutates body
UPDATE_STATE mutates body
UPDATE_PUBLISH_RESOURCES_STATUS mutates body
"""


def _call_type(line: str, *, response: str, record: str) -> CallType:
    name, *properties = line.split()
    body: BodyPresence | None = (
        "required" if "body" in properties else "optional" if "body?" in properties else None
    )
    return CallType(
        name=name,
        response_message=response if "answer" in properties else None,
        record_message=record if "stream" in properties else None,
        has_streamed_request="streams-in" in properties,
        is_mutating="mutates" in properties,
        causes_events="causes" in properties,
        body_field=name.lower() if body else None,
        body_presence=body,
    )


def _calls(table: str, *, response: str = "", record: str) -> dict[str, CallType]:
    calls = (
        _call_type(line, response=response, record=record) for line in table.split("\n") if line
    )
    return {call.name: call for call in calls}


MASTER = Api(
    name="master",
    server="master",
    route="api/v1",
    call_message="mesos.v1.master.Call",
    event_message="mesos.v1.master.Event",
    response_message="mesos.v1.master.Response",
    call_types=_calls(_MASTER, response="mesos.v1.master.Response", record="mesos.v1.master.Event"),
)
AGENT = Api(
    name="agent",
    server="agent",
    route="api/v1",
    call_message="mesos.v1.agent.Call",
    event_message=PROCESS_IO,
    response_message="mesos.v1.agent.Response",
    call_types=_calls(_AGENT, response="mesos.v1.agent.Response", record=PROCESS_IO),
)
SCHEDULER = Api(
    name="scheduler",
    server="master",
    route="api/v1/scheduler",
    call_message="mesos.v1.scheduler.Call",
    event_message="mesos.v1.scheduler.Event",
    response_message="mesos.v1.scheduler.Response",
    call_types=_calls(
        _SCHEDULER, response="mesos.v1.scheduler.Response", record="mesos.v1.scheduler.Event"
    ),
)
EXECUTOR = Api(
    name="executor",
    server="agent",
    route="api/v1/executor",
    call_message="mesos.v1.executor.Call",
    event_message="mesos.v1.executor.Event",
    response_message=None,
    call_types=_calls(_EXECUTOR, record="mesos.v1.executor.Event"),
)
RESOURCE_PROVIDER = Api(
    name="resource_provider",
    server="agent",
    route="api/v1/resource_provider",
    call_message="mesos.v1.resource_provider.Call",
    event_message="mesos.v1.resource_provider.Event",
    response_message=None,
    call_types=_calls(_RESOURCE_PROVIDER, record="mesos.v1.resource_provider.Event"),
)
APIS = (MASTER, AGENT, SCHEDULER, EXECUTOR, RESOURCE_PROVIDER)
APIS_BY_NAME: dict[str, Api] = {api.name: api for api in APIS}
CALL_NAMES = frozenset(
    name
    for api in APIS
    for call in api.call_types
    for name in (api.name, call, f"{api.name}.{call}")
)
"""The names that select calls: an API, a type of call, and both as `scheduler.ACCEPT`."""
