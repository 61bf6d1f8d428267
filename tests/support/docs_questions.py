"""The questions of docs/query.md, and what they find in some captures."""

import json
import re

from .paths import DATA, ROOT

PAGE = (ROOT / "docs" / "query.md").read_text()
QUESTIONS: dict[str, str] = dict(
    re.findall(r"^([^\n]+\?[^\n]*)\n\n```sql\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)
ANSWERS = json.loads((DATA / "answers.json").read_text())
CAPTURES = ("agent-session", "all-events", "master-errors", "sched-all", "stream-ends")
