"""The options of `mesotape replay`, as values."""

from pathlib import Path

from msgspec import Struct

from ...cassettes.causality.causality import CausalityMode
from ...proto.http.address import LOOPBACK, Address


class ReplayOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape replay`.

    `own_addresses` has, for each cassette, its own address or None, and `folders` the folder that
    it was found in, or None (listen.py). `pace` and `require` are texts of options
    (cassettes/answers/pace.py, cassettes/playback/requirement.py); `require` None is
    `any` with a command, and else `none`. `command` is the command to run beside the replay, as
    words. `end_with_parent` ends the replay with its parent process; None decides by how the
    process was started (processes.py).
    """

    cassettes: tuple[Path, ...]
    upstream: str | None = None
    record_misses: bool = False
    no_redact: tuple[str, ...] = ()
    redact_data: bool = False
    watch: bool = False
    own_addresses: tuple[Address | None, ...] = ()
    folders: tuple[Path | None, ...] = ()
    listen: Address = LOOPBACK
    pace: str = "recorded"
    speed: float | None = None
    max_gap: float | None = None
    start_at: float = 0.0
    control: Address | None = None
    control_token_file: Path | None = None
    ignore: tuple[str, ...] = ()
    repeat: tuple[str, ...] = ()
    rebind: bool = False
    redact_rules: Path | None = None
    causality: CausalityMode = "party"
    faults: tuple[str, ...] = ()
    seed: int = 0
    require: str | None = None
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    ready_file: Path | None = None
    as_json: bool = False
    quiet: bool = False
    command: tuple[str, ...] = ()
    receipt: Path | None = None
    junit: Path | None = None
    summary_file: Path | None = None
    is_github: bool = False
    end_with_parent: bool | None = None
