"""What a client does with a server while it is recorded."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.capture_cassettes import server_of
from support.capture_to_cassette import taped
from support.captures import load
from support.commands import Running, running

from mesotape.cassettes.storage.reader import Cassette

type Client = Callable[..., list[str]]
"""Takes a URL, a folder and further arguments; returns what the client printed."""

PACES = [("--pace", "instant"), ("--pace", "recorded"), ("--speed", "0.5"), ("--speed", "10")]


class Tape:
    """The work of a client, recorded at `path`; `said` is what the client printed."""

    def __init__(self, client: Client, url: str, folder: Path, *options: str) -> None:
        self.client, self.folder = client, folder
        self.path = folder / "cassette.yaml"
        with running("record", url, "-o", self.path, *options) as recorder:
            self.said = client(recorder.url, folder / "recorded")
        assert recorder.code == 0, recorder.said
        with Cassette.open(self.path) as cassette:
            assert not cassette.warnings
            notes = [note.note for note in cassette.notes()]
        assert [note for note in notes if not note.startswith("secrets replaced: ")] == []


@contextmanager
def cluster(folder: Path, *names: str, options: Iterable[str] = ()) -> Iterator[str]:
    """Serve captures of a real cluster at one URL, twenty times as fast as it was."""
    folder.mkdir()
    paths = [taped(load(name), folder / f"{name}.yaml", server_of(name)) for name in names]
    with running("replay", *paths, "--speed", "20", *options) as server:
        yield server.url


def held(player: Running) -> None:
    """Nothing was missed, and nothing was left over."""
    assert player.code == 0, player.said
    assert " 0 missed, 0 unused" in player.said
