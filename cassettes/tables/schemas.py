"""The tables and their columns. docs/query.md lists them; a test compares.

A new column is an addition, and keeps the version. A column that means something else, or is gone,
needs the next version: exported files are read by programs that others wrote.
"""

from typing import Literal

from msgspec import Struct

SCHEMA_VERSION = 1

type ColumnType = Literal["text", "integer", "real", "boolean", "time", "day"]
"""`time` is in UTC, with microseconds and without a zone; `day` is the date of that time."""


class Column(Struct, frozen=True):
    """A column. Where it says nothing else, a value may be missing (NULL)."""

    name: str
    type: ColumnType
    meaning: str


def _columns(text: str) -> tuple[Column, ...]:
    """Read lines of name, type and meaning."""
    types: dict[str, ColumnType] = {
        "text": "text",
        "integer": "integer",
        "real": "real",
        "boolean": "boolean",
        "time": "time",
        "day": "day",
    }
    columns: list[Column] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, column_type, meaning = line.split(None, 2)
        columns.append(Column(name, types[column_type], meaning))
    return tuple(columns)


_ORIGIN = """
    cassette text the path of the file; never missing
    server text `master` or `agent`
    upstream text the URL of the recorded server
    day day the date of `time`
    time time the wall clock of the recorder
    at_seconds real seconds since the recording began
    exchange integer the number of the exchange in the cassette
"""
"""The first columns of each table."""

_STATE = """
    number integer the number of the event; missing if it is from a call or an answer
    origin text the type of the event or call that says so
"""

_RESOURCES = """
    cpus real the sum of its resources of that name
    mem real likewise, in megabytes
    disk real likewise, in megabytes
    gpus real likewise
"""

TABLES: dict[str, tuple[Column, ...]] = {
    "exchanges": _columns(
        _ORIGIN
        + """
        client integer the number of the client's connection
        peer text the address of the client
        user_agent text the header User-Agent
        method text of the request
        path text of the request
        api text `master`, `agent`, `scheduler`, `executor` or `resource_provider`
        call text the type of the call
        framework_id text the framework that the call is of
        request_encoding text how the cassette shows the body: `json`, `proto`, `text`, `base64`
        request_size integer bytes of the body
        request text the body as JSON, if it is JSON or protobuf
        status integer the status code; missing if there was no response
        response_seconds real from the request to the head of the response
        stream text `recordio` or `chunks` if the response is a stream
        events integer the records of that stream
        ended_at_seconds real when that stream ended, in seconds since the recording began
        cause text why that stream ended, or why the response is incomplete
        encoding text like `request_encoding`, of the response
        size integer bytes of the body; missing if it is a stream
        response text the body as JSON, if it is JSON or protobuf
        """
    ),
    "events": _columns(
        _ORIGIN
        + """
        number integer the number of the event in its stream
        side text the sender: `server`, or `client` in a streamed request
        type text the type of the event
        framework_id text the framework that it names
        agent_id text the agent that it names
        executor_id text the executor that it names
        task_id text the task that it names
        offer_id text the offer that it names; those of OFFERS are in the table `offers`
        state text the state of the task
        encoding text how the cassette shows it: `json`, `proto`, `text`, `base64`
        chunks integer the HTTP chunks that begin in it; 1 is usual
        size integer bytes of the record, without its length
        malformed text the reason why it is no valid record
        message text the event as JSON, if it is JSON or protobuf
        """
    ),
    "tasks": _columns(
        _ORIGIN
        + _STATE
        + """
        task_id text the id of the task
        framework_id text the framework that it belongs to
        agent_id text the agent that it runs on
        executor_id text the executor that runs it
        name text the name of the task
        state text `TASK_RUNNING`, `TASK_LOST` …
        reason text why it is in this state: `REASON_…`
        source text who says so: `SOURCE_…`
        message text the text for people
        """
    ),
    "agents": _columns(
        _ORIGIN
        + _STATE
        + """
        change text `listed`, `added`, `removed`, `failed` (event FAILURE) or `gone` (a call)
        agent_id text the id of the agent
        hostname text its host
        version text its version of Mesos
        active boolean whether it takes part
        """
        + _RESOURCES
    ),
    "offers": _columns(
        _ORIGIN
        + _STATE
        + """
        change text `offered`, `rescinded`, `accepted` or `declined`
        offer_id text the id of the offer
        framework_id text the framework that got it
        agent_id text the agent whose resources these are
        hostname text the host of that agent
        """
        + _RESOURCES
        + """
        operations text the types of the operations of ACCEPT, with commas
        refuse_seconds real for how long the framework wants no such offer
        """
    ),
    "problems": _columns(
        _ORIGIN
        + """
        number integer the number of the event
        side text the sender of the stream: `server` or `client`
        line integer the line of the document in the cassette
        client integer the number of the client's connection
        call text the type of the call
        type text the type of the event
        level text `information`, `warning` or `malformed`
        code text the reason, as `mesotape inspect` and `validate` name it
        text text the details
        """
    ),
}
"""For each table, its columns in order."""
