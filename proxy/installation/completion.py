"""`mesotape completion`: the script with which a shell completes command lines.

The script calls mesotape with the variable _MESOTAPE_COMPLETE, on which click answers. What the
values of an option are is in proxy/arguments/completion.py.
"""

from collections.abc import Iterable
from typing import Literal, override

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
)

type Shell = Literal["bash", "zsh", "fish"]

VARIABLE = "_MESOTAPE_COMPLETE"

_CUTTING_SIGNS = ":="


class BashCompletion(BashComplete):
    """Completes words that bash cuts at `:` and `=`; it replaces only what follows the last."""

    _typed = ""

    @override
    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and that one."""
        before, cut_word = super().get_completion_args()
        *words, self._typed = join_cut_words([*before, cut_word])
        return words, self._typed

    @override
    def format_completion(self, item: CompletionItem[str]) -> str:
        """Leave out what bash keeps."""
        end = 1 + max(self._typed.rfind(sign) for sign in _CUTTING_SIGNS)
        return f"{item.type},{item.value.removeprefix(self._typed[:end])}"


class _WithOptionName(ShellComplete):
    """Completes `--pace=st` to `--pace=step`: click returns the value without the option."""

    @override
    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        name, equals, _ = incomplete.partition("=")
        items = super().get_completions(args, incomplete)
        if equals and name.startswith("--"):
            for item in items:
                item.value = f"{name}={item.value}"
        return items


class ZshCompletion(_WithOptionName, ZshComplete):
    """Completes values that are joined to their options, too."""


class FishCompletion(_WithOptionName, FishComplete):
    """Completes values that are joined to their options, too."""


def join_cut_words(words: Iterable[str]) -> list[str]:
    """Join words that were cut at signs: `ACCEPT`, `:`, `503` are one."""
    joined = list[str]()
    follows_sign = False
    for word in words:
        is_sign = bool(word) and not word.strip(_CUTTING_SIGNS)
        if joined and word and (is_sign or follows_sign):
            joined[-1] += word
        else:
            joined.append(word)
        follows_sign = is_sign
    return joined


def use_own_completion() -> None:
    """Let click answer by the classes above."""
    for each in (BashCompletion, ZshCompletion, FishCompletion):
        add_completion_class(each)


def print_completion(cli: click.Command, shell: Shell) -> int:
    """Print the script of a shell. Return the exit code."""
    use_own_completion()
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    click.echo(completion_class(cli, {}, "mesotape", VARIABLE).source())
    return 0
