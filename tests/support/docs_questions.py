"""The questions of docs/query.md, and what they find in some captures."""

import json
import re
from pathlib import Path

from .capture_cassettes import server_of
from .capture_to_cassette import taped
from .captures import load
from .paths import DATA, ROOT

PAGE = (ROOT / "docs" / "query.md").read_text()
QUESTIONS: dict[str, str] = dict(
    re.findall(r"^([^\n]+\?[^\n]*)\n\n```sql\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)
ANSWERS = json.loads((DATA / "answers.json").read_text())
CAPTURES = ("agent-session", "all-events", "master-errors", "sched-all", "stream-ends")


def write_recordings(folder: Path) -> Path:
    """Write the captures as cassettes into a folder, and return it."""
    for name in CAPTURES:
        taped(load(name), folder / f"{name}.yaml", server_of(name))
    return folder
