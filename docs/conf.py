"""The documentation site, which `make site` builds of the pages in this folder.

Links to files outside of it lead to the repository, docs/commands.md gets the help of all commands,
and no page may load anything from another server.
"""

import re
from pathlib import Path

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from mesotape import __version__
from mesotape.proxy.cli import cli

REPOSITORY = "https://github.com/mesotape/mesotape"
OUTSIDE = re.compile(r"\]\(\.\./")
LOADED = re.compile(r"""(?:\ssrc=|\brel="stylesheet" href=|url\(|@import )["']?(?:https?:)?//""")
HELP_COLUMNS = 88  # as many as a block of code shows without scrolling

project = "mesotape"
version = release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = f"mesotape {__version__}"
html_copy_source = html_show_sphinx = html_show_copyright = False
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}


def setup(app: Sphinx) -> None:
    """Connect to the build."""
    app.connect("source-read", complete_page)
    app.connect("doctree-read", mark_options)
    app.connect("build-finished", check_that_nothing_is_loaded)


def complete_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Change the text of a page, in place, before it is parsed."""
    source[0] = OUTSIDE.sub(f"]({REPOSITORY}/blob/main/", source[0])
    if name == "commands":
        source[0] += "".join(["\n## Options\n", *map(help_section, cli.commands.values())])


def mark_options(app: Sphinx, page: nodes.document) -> None:
    """Let site.css keep the name of an option on one line: a browser breaks after hyphens."""
    for each in page.findall(nodes.literal):
        if re.fullmatch(r"-\S{,30}", each.astext()):
            each["classes"].append("option")


def help_section(command: click.Command) -> str:
    """Return a section with the text of `--help`."""
    context = click.Context(
        command, info_name=f"mesotape {command.name}", terminal_width=HELP_COLUMNS
    )
    return f"\n### {command.name}\n\n```text\n{command.get_help(context)}\n```\n"


def check_that_nothing_is_loaded(app: Sphinx, exception: Exception | None) -> None:
    """Raise SphinxError if a page needs the network to be shown."""
    for path in () if exception else Path(app.outdir).rglob("*.*"):
        if path.suffix in {".html", ".css", ".svg"} and (found := LOADED.search(path.read_text())):
            raise SphinxError(f"{path}: loads from another server: {found[0]}")
