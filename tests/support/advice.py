"""Misses and unmet requirements of a replay, with the settings that their reports advise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mesotape.cassettes.format.documents import Document, Exchange, Request, Response
from mesotape.cassettes.matching.advice import Setting
from support.cassette_builder import call, said

HEALTH = call(1, 0.0, said("GET_HEALTH"), said("GET_HEALTH", get_health={"healthy": True}))
STATE = call(2, 0.1, said("GET_STATE"), said("GET_STATE", get_state={}))
READ = call(1, 0.0, said("READ_FILE", read_file={"offset": 0, "path": "/a"}), said("READ_FILE"))
TEARDOWN = call(1, 0.0, said("TEARDOWN", teardown={"framework_id": {"value": "old"}}))
OTHER_PATH = said("READ_FILE", read_file={"offset": 0, "path": "/b"})
OTHER_ID = said("TEARDOWN", teardown={"framework_id": {"value": "new"}})


def plain(path: str) -> list[Document]:
    request = Request(method="GET", path=path, headers={})
    response = Response(after=0.0, status=200, headers={}, text="answer")
    return [Exchange(exchange=1, at=0.0, client=1, request=request, response=response)]


@dataclass(frozen=True)
class Advised:
    """A replay that fails, what its client sends, and the settings each of which mends it.

    What is sent is a call, or a target.
    """

    recorded: Sequence[list[Document]]
    sent: Sequence[str]
    settings: Sequence[Setting]
    given: Mapping[str, str | list[str]] = field(default_factory=dict[str, str | list[str]])


ADVISED = {
    "already played": Advised(
        [HEALTH],
        [said("GET_HEALTH")] * 2,
        [Setting("repeat", ("GET_HEALTH=last",), ("never",))],
        {"repeat": ["never"]},
    ),
    "a target that is already played": Advised(
        [plain("/version")],
        ["/version"] * 2,
        [Setting("repeat", ("cycle",), ("never",))],
        {"repeat": ["never"]},
    ),
    "another value": Advised(
        [READ], [OTHER_PATH], [Setting("ignore", ("READ_FILE:read_file.path",))]
    ),
    "another value, and rules": Advised(
        [READ],
        [OTHER_PATH],
        [Setting("ignore", ("READ_FILE:read_file.path",), ("uuids",))],
        {"ignore": ["uuids"]},
    ),
    "another id": Advised(
        [TEARDOWN], [OTHER_ID], [Setting("rebind"), Setting("ignore", ("framework-ids",))]
    ),
    "another query": Advised(
        [plain("/tasks?limit=1")], ["/tasks?limit=2"], [Setting("ignore", ("query.limit",))]
    ),
    "nothing used": Advised([HEALTH], [], [Setting("require", ("none",))], {"require": "any"}),
    "not all used": Advised(
        [HEALTH, STATE],
        [said("GET_HEALTH")],
        [Setting("require", ("any",)), Setting("require", ("none",))],
        {"require": "all"},
    ),
}
