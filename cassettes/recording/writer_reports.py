"""What the proxy tells the process that writes the cassette, and what that process reports.

Both processes import this, so it imports nothing that only one of them needs.
"""

import signal
from collections import Counter
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ...proto.api.apis import ServerKind
from ..redaction.rules import DEFAULT_RULES, RuleSet

type ExistingFilePolicy = Literal["refuse", "overwrite", "append"]
"""The effect of opening a file that already exists."""

type SyncPolicy = Literal["never", "end", "always"]
"""When to wait until the data is on the disk: never, at the end, or after each write."""

FLUSH_SECONDS = 0.25
"""How long data may wait for more, in both processes together, before it is in the cassette."""

SENDS_PER_FLUSH = 5
"""The proxy, whose crash loses what it has gathered, sends that so often in this time."""

DEFAULT_MAX_BODY_BYTES = 1 << 24
"""16 MiB. To decode, redact and format a body takes some eight times its size in memory."""

OPEN_SIGNAL = b"\n"
"""The proxy sends it first, when the cassette is to be opened."""

IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What the writer ignores: it ends after the proxy, even if both get a signal."""


class OpenStream(Struct, frozen=True, omit_defaults=True):
    """A stream that is recorded: its call, how many events, and the type and time of the last."""

    exchange: int
    call: str = ""
    events: int = 0
    last_type: str = ""
    last_at: float = 0.0


class DocumentReport(Struct, frozen=True, omit_defaults=True):
    """A document that was written: a call with its whole answer, a stream that opens, its end.

    `type` is the type of a call, `events` how many events a stream has had. `dropped` stands for a
    number of reports that were not passed on in time.
    """

    event: Literal["call", "stream", "end", "note", "dropped"]
    at: float
    exchange: int = 0
    client: int = 0
    method: str = ""
    path: str = ""
    type: str = ""
    status: int = 0
    cause: str = ""
    events: int | None = None
    note: str = ""
    lines: int = 0


class WriterConfig(Struct, frozen=True):
    """Which cassette to write, for which server and upstream, and by which rules of redaction.

    Data waits for more for at most `flush_seconds`. `max_size` is the length of a part of the
    cassette in bytes, `max_events` ends the recording, and `min_free` is how many bytes are left
    free on the disk; None selects a default for the size of the disk. `continues` identifies the
    file that another process wrote until it was killed: `WriterStatus.file_id`. If it `is_watched`,
    reports have the size, the open streams and the last note, and if it `lists_documents`, each
    exchange, end and note, too.
    """

    path: str
    existing: ExistingFilePolicy = "refuse"
    server: ServerKind | None = None
    upstream: str | None = None
    rules: RuleSet = DEFAULT_RULES
    sync: SyncPolicy = "never"
    flush_seconds: float = FLUSH_SECONDS
    max_size: int | None = None
    max_events: int | None = None
    min_free: int | None = None
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    continues: tuple[int, int] | None = None
    is_watched: bool = False
    lists_documents: bool = False


class WriterStatus(Struct, frozen=True, omit_defaults=True):
    """A report of the writer: first that the cassette is open, or the error, and later its counts.

    `file_exists` is true if the error is that the cassette already exists. In the first report
    `elapsed` is the time of the cassette in seconds, and `last_exchange` and `last_client` are the
    last numbers in it: all 0 unless it existed. `warnings` are about its old documents, and
    `file_id` are the device and inode of its (first) file. `upstream` is that of the config without
    secrets. `secrets` is how often each rule of redaction fired.

    `gap` is why nothing is recorded at present, `problem` what is wrong while recording goes on.
    `is_complete` is whether all is recorded that was asked for.

    If it is watched, `size` is that of the files in bytes, `stream_count` how many streams are
    open, and `streams` has those with the latest events. `documents` are new since the last report.
    """

    error: str | None = None
    file_exists: bool = False
    elapsed: float = 0.0
    last_exchange: int = 0
    last_client: int = 0
    file_id: tuple[int, int] | None = None
    warnings: list[str] = msgspec.field(default_factory=list[str])
    upstream: str = ""
    exchanges: int = 0
    events: int = 0
    notes: int = 0
    secrets: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    gap: str | None = None
    problem: str | None = None
    is_complete: bool = False
    size: int = 0
    stream_count: int = 0
    streams: list[OpenStream] = msgspec.field(default_factory=list[OpenStream])
    last_note: str = ""
    documents: list[DocumentReport] = msgspec.field(default_factory=list[DocumentReport])

    def plus(self, before: "WriterStatus") -> "WriterStatus":
        """Return this report with the counts of an earlier process added."""
        return replace(
            self,
            exchanges=before.exchanges + self.exchanges,
            events=before.events + self.events,
            notes=before.notes + self.notes,
            secrets=dict(Counter(before.secrets) + Counter(self.secrets)),
        )
