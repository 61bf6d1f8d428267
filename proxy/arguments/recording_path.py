"""The cassette that is recorded: a name of its own for each start, if only its folder is given.

    -o cassette.yaml
    -o s3://bucket/2026-11-30/    s3://bucket/2026-11-30/agent-7-5051-20261130T010203Z-3fa2c1.yaml

Host and port are those of the upstream, and the time is that of the start, in UTC. What follows is
random, for recorders of one server, on several machines, that start in the same second.
"""

import datetime
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from ...cassettes.files.object_path import to_path

_NOT_IN_NAMES = re.compile(r"[^\w.]+")


def recording_path(output: str, recorded: str) -> Path:
    """Return the cassette to write; `recorded` is the URL of the upstream, or a mode."""
    path = to_path(output)
    if not output.endswith("/"):
        return path
    server = _NOT_IN_NAMES.sub("-", urlsplit(recorded).netloc or recorded).strip("-")
    start = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    return path / f"{server}-{start}-{secrets.token_hex(3)}.yaml"
