"""Print the lower bounds of pyproject.toml as constraints: `click>=8.1.3` becomes `click==8.1.3`.

    python .ci/lower_bounds.py > lowest.txt
    pip install --constraint lowest.txt --editable '.[record]' --group test

A resolver that prefers low versions is not asked for them, because it may go up without a word
where the lowest do not fit together; a constraint makes that an error.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
REQUIREMENT = re.compile(r"([\w.-]+)(?:\[.*\])?>=([\w.]+)(?:,<[\w.]+)?(; .+)?")


def lower_bounds(config: dict) -> list[str]:
    """List what users get and what tests need. Raises ValueError if one has no lower bound."""
    project = config["project"]
    extras = project["optional-dependencies"].values()
    groups = [project["dependencies"], *extras, config["dependency-groups"]["test"]]
    return [_lower_bound(requirement) for group in groups for requirement in group]


def _lower_bound(requirement: str) -> str:
    match = REQUIREMENT.fullmatch(requirement)
    if match is None:
        raise ValueError(f"{requirement}: expected NAME>=VERSION[,<VERSION][; MARKER]")
    return f"{match[1]}=={match[2]}{match[3] or ''}"


if __name__ == "__main__":
    print(*lower_bounds(tomllib.loads((ROOT / "pyproject.toml").read_text())), sep="\n")
