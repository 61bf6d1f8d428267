"""The options of `mesotape inspect`."""

from msgspec import Struct

from ...proto.api.apis import ServerKind
from ...proto.api.negotiation import Encoding


class InspectOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape inspect`. Times are seconds; `show` has numbers of rows."""

    sources: tuple[str, ...]
    server: ServerKind | None = None
    api: str | None = None
    message: str | None = None
    encoding: Encoding | None = None
    max_record: int
    follow: bool = False
    calls: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    client: str | None = None
    text: str | None = None
    bad: bool = False
    show: tuple[int, ...] = ()
    summary: bool = False
    as_json: bool = False
    no_pager: bool = False
    tls_ca: str | None = None
    insecure: bool = False
