"""The members of a HAR that are read, as the tools that write HAR have them."""

from typing import Any

from msgspec import Struct, field

from ..interchange.details import DETAILS_NAME, CassetteDetails, ExchangeDetails


class HarStruct(Struct, frozen=True, rename="camel"):
    """An object of HAR. Members that are not used are not looked at."""


class HarPair(HarStruct, frozen=True):
    """A header, or a parameter of a form."""

    name: str
    value: str | None = ""


class HarBody(HarStruct, frozen=True):
    """A body: of a request (`postData`), or of a response (`content`)."""

    text: str | None = None
    size: Any = None
    params: list[HarPair] | None = None
    encoding: str | None = None
    own_encoding: str | None = field(default=None, name="_encoding")
    is_coded: bool = field(default=False, name="_coded")


class HarRequest(HarStruct, frozen=True):
    """A request."""

    method: str
    url: str
    headers: list[HarPair]
    http_version: str | None = None
    post_data: HarBody | None = None


class HarResponse(HarStruct, frozen=True):
    """A response; status 0 if there was none."""

    status: int = 0
    status_text: str | None = None
    headers: list[HarPair] = []
    content: HarBody = HarBody()


class HarTimings(HarStruct, frozen=True):
    """Milliseconds; -1 or None if a phase did not take place."""

    blocked: float | None = None
    dns: float | None = None
    connect: float | None = None
    send: float | None = None
    wait: float | None = None
    receive: float | None = None


class HarEntry(HarStruct, frozen=True):
    """An exchange. `connection` is any text that tells connections apart."""

    started_date_time: str
    request: HarRequest
    response: HarResponse
    timings: HarTimings = HarTimings()
    connection: str | int | None = None
    details: ExchangeDetails | None = field(default=None, name=DETAILS_NAME)


class HarUrl(HarStruct, frozen=True):
    """Where a request went to."""

    url: str


class HarStart(HarStruct, frozen=True):
    """What orders the entries, and tells whether they are imported."""

    started_date_time: str
    request: HarUrl


class HarCreator(HarStruct, frozen=True):
    """A tool."""

    name: str = "a HAR"
    version: str = ""


class HarLog(HarStruct, frozen=True):
    """What is in the file besides the entries."""

    creator: HarCreator = HarCreator()
    details: CassetteDetails = field(default_factory=CassetteDetails, name=DETAILS_NAME)


class HarFile(HarStruct, frozen=True):
    """The whole file."""

    log: HarLog
