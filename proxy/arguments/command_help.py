"""`--help`: options in groups, commands in sections, examples, and a link to the documentation.

@click.command(
cls=DocumentedCommand,
section="Check and change cassettes",
examples=("mesotape scan c.yaml", "mesotape scan tests/cassettes --json"),
page="docs/security.md#secrets",
)
@option_group("Output", click.option("--json", "as_json", is_flag=True, help="Print JSON."))
def scan(**options: Any) -> int: …
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, get_args, override

import click

DOCUMENTATION_URL = "https://github.com/mesotape/mesotape/blob/main/"

type Section = Literal[
    "Record and replay",
    "Look at recordings",
    "Check and change cassettes",
    "Convert recordings",
    "This installation",
]
SECTIONS: tuple[Section, ...] = get_args(Section.__value__)

_WIDEST_OPTION = 30
"""An option that is longer gets a line of its own."""


_GLUED = str.maketrans({"-": "\N{NON-BREAKING HYPHEN}", " ": "\N{NO-BREAK SPACE}"})
_LOOSE = {ord(glue): letter for letter, glue in _GLUED.items()}
_KEPT_TOGETHER = re.compile(r"\[[^]]{1,30}\]|\S+")
"""What no line end divides: words like `--tls-key`, and short remarks like `[default: 16M]`."""


class _HelpFormatter(click.HelpFormatter):
    """Wraps lines at blanks alone, and writes the range of a number in words."""

    @override
    def write_text(self, text: str) -> None:
        super().write_text(_glue(text))

    @override
    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        glued = [(term, _glue(_range_in_words(text))) for term, text in rows]
        super().write_dl(glued, col_max, col_spacing)

    @override
    def write(self, string: str) -> None:
        super().write(string.translate(_LOOSE))


def _glue(text: str) -> str:
    return _KEPT_TOGETHER.sub(lambda match: match[0].translate(_GLUED), text)


def _range_in_words(text: str) -> str:
    """Say `[1<=x<=64]` in words; that a number is at least 0 or 1 goes without saying."""
    text = re.sub(r"; x>=[01](?=\])|\s+\[x>=[01]\]", "", text)
    text = re.sub(r"(\S+)<=x<=([^]\s]+)", r"\1 to \2", text)
    return text.replace("x>=", "at least ").replace("x>", "more than ")


class _HelpContext(click.Context):
    formatter_class = _HelpFormatter


def option_group(title: str, *options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that adds options to a command, in this order, below a title in its help.

    Groups with the same title become one.
    """

    def add_options(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        for param in command.__click_params__[-len(options) :]:  # Where click collects them.
            param.group_title = title
        return command

    return add_options


def option_groups(*groups: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that adds several groups, in this order."""

    def add_groups(command: Any) -> Any:
        for group in reversed(groups):
            command = group(command)
        return command

    return add_groups


def group_title(param: click.Parameter) -> str | None:
    """Return the title of the group of an option; None for `--help`."""
    return getattr(param, "group_title", None)


class DocumentedCommand(click.Command):
    """A command whose help has groups of options, examples and a link.

    `examples` are command lines, `page` is a file of the repository, with an anchor if it helps.
    """

    context_class = _HelpContext

    def __init__(
        self, *args: Any, section: Section, examples: Sequence[str], page: str, **attrs: Any
    ) -> None:
        super().__init__(*args, **attrs)
        self.section: Section = section
        self.examples, self.page = examples, page

    @override
    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the whole first sentence, for the list of commands, and for shells."""
        return super().get_short_help_str(limit=10_000)

    @override
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        groups = dict[str, list[tuple[str, str]]]()
        options = (param for param in self.get_params(ctx) if isinstance(param, click.Option))
        for param in options:
            if (record := param.get_help_record(ctx)) is not None:
                groups.setdefault(group_title(param) or "Help", []).append(record)
        _write_tables(formatter, groups)

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the link."""
        _write_examples(formatter, self.examples, self.page)


class DocumentedGroup(click.Group):
    """The group of all commands, which lists them in sections, with their whole first sentences."""

    context_class = _HelpContext

    def __init__(self, *args: Any, examples: Sequence[str], page: str, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.examples, self.page = examples, page

    @override
    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, which has to be a documented one."""
        if not isinstance(cmd, DocumentedCommand):
            raise TypeError(f"{cmd.name}: expected @click.command(cls=DocumentedCommand, …)")
        super().add_command(cmd, name)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section, in the order in which they were added."""
        sections = dict[str, list[tuple[str, str]]]({section: [] for section in SECTIONS})
        for name, command in self.commands.items():
            assert isinstance(command, DocumentedCommand)
            sections[command.section].append((name, command.get_short_help_str()))
        _write_tables(formatter, sections)

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the link."""
        _write_examples(formatter, self.examples, self.page)


def _write_tables(formatter: click.HelpFormatter, tables: dict[str, list[tuple[str, str]]]) -> None:
    """Write tables whose second columns begin at the same place."""
    terms = [term for rows in tables.values() for term, _ in rows]
    width = max((len(term) for term in terms if len(term) <= _WIDEST_OPTION), default=0)
    for title, rows in tables.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl([(f"{term:<{width}}", text) for term, text in rows], width)


def _write_examples(formatter: click.HelpFormatter, examples: Iterable[str], page: str) -> None:
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{'':{formatter.current_indent}}{example}\n")
    formatter.write_paragraph()
    formatter.write(f"Documentation: {DOCUMENTATION_URL}{page}\n")
