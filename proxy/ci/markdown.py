"""A summary of a replay in Markdown, as GitHub shows it on the page of a run."""

from collections.abc import Iterator
from html import escape

from ...proto.shown_text import escape_text
from .reported_replay import ReportedReplay, first_line

_MOST_PROBLEMS, _MOST_UNUSED = 50, 50
"""GitHub takes a megabyte."""


def markdown_text(replay: ReportedReplay) -> str:
    """Return the summary."""
    return escape_text("\n".join(_lines(replay)) + "\n")


def _lines(replay: ReportedReplay) -> Iterator[str]:
    counts = replay.receipt.counts
    assert counts is not None
    result = "success" if replay.exit_code == 0 else f"exit code {replay.exit_code}"
    yield f"### mesotape replay: {result}"
    yield ""
    yield "| served | refused | missed | failed | unused | left out |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    numbers = (counts.served, counts.refused, counts.missed, counts.failed, counts.unused)
    yield f"| {' | '.join(map(str, (*numbers, counts.left_out)))} |"
    for problem in replay.problems[:_MOST_PROBLEMS]:
        yield ""
        yield f"<details><summary>{_code(first_line(problem.text))}</summary>"
        yield f"<pre>{escape(problem.text, quote=False)}</pre></details>"
    if more := replay.problems[_MOST_PROBLEMS:]:
        yield f"\nand {len(more)} more"
    if unused := replay.receipt.unused:
        yield ""
        yield f"<details><summary>not used: {len(unused)}</summary><ul>"
        for exchange in unused[:_MOST_UNUSED]:
            place = f"{exchange.cassette}:{replay.line(exchange)}"
            yield f"<li>{_code(replay.describe(exchange))}, {_code(place)}</li>"
        if more := unused[_MOST_UNUSED:]:
            yield f"<li>and {len(more)} more</li>"
        yield "</ul></details>"


def _code(text: str) -> str:
    return f"<code>{escape(text, quote=False)}</code>"
