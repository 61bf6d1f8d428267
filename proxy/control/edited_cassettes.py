"""Cassettes that are edited while they are replayed.

    edited = EditedCassettes(playback, open_playback)
    edited.look()    -> a playback of the edited cassettes, or None if there is nothing new

`look` is to be called again and again: a file that is still written to is left for the next time.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

from ...cassettes.files.source_file import SourceFile
from ...cassettes.playback.playback import Playback
from .controls import ReplayControls

_LOOK_SECONDS = 0.25

_MOST_EDITIONS = 2
"""Editions that are open: what is sent of the one before the last may still be read from it."""


class EditedCassettes:
    """Looks for changes of the files that a playback plays.

    `open_playback` opens them anew. They must be played from copies, because an editor may write
    into the files that are played. `close` closes them.
    """

    def __init__(self, playback: Playback, open_playback: Callable[[ExitStack], Playback]) -> None:
        self._open_playback = open_playback
        self._paths = [path for each in playback.cassettes for path in each.part_paths]
        self._opened = self._seen = self._files()
        self._editions: list[ExitStack] = []

    def look(self) -> Playback | None:
        """Return a new playback if the files have changed, and are not written to any more.

        Raises ValueError or OSError, once for each change, if they cannot be played.
        """
        before, self._seen = self._seen, self._files()
        is_written_to = None in self._seen or self._seen != before
        if is_written_to or self._seen == self._opened:
            return None
        self._opened = self._seen
        with ExitStack() as files:
            playback = self._open_playback(files)
            self._editions.append(files.pop_all())
        if len(self._editions) > _MOST_EDITIONS:
            self._editions.pop(0).close()
        return playback

    def close(self) -> None:
        """Close what was opened."""
        for files in self._editions:
            files.close()

    def _files(self) -> list[SourceFile | None]:
        return [SourceFile.at(path) for path in self._paths]


async def replay_edited(
    edited: EditedCassettes,
    controls: ReplayControls,
    on_edit: Callable[[], object],
    on_error: Callable[[Exception], object],
) -> None:
    """Begin a new playback after each edit, until this is cancelled.

    `on_edit` is called before it begins. An edit that cannot be played goes to `on_error`, and the
    playback before it goes on.
    """
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            playback = await asyncio.to_thread(edited.look)
        except (ValueError, OSError) as error:
            on_error(error)
            continue
        if playback is not None:
            on_edit()
            await controls.begin(playback)
