"""Recording to an object store: finished parts are uploaded while the recording goes on.

The writer writes to a folder of this machine. Its files stay there until the recording ends,
because a secret that is found late is replaced in all of them; what changed is uploaded again then.
What could not be uploaded is kept, and its place is reported.
"""

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from ..files.object_path import ObjectPath
from ..format.documents import CassetteError
from .part_names import part_path

_EVERY_SECONDS = 1.0


class Upload:
    """The files of a recording, and the object that each is to become."""

    def __init__(self, destination: ObjectPath, report: Callable[[str], None]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mesotape-record-"))
        self.local = self.folder / destination.name
        self._destination = destination
        self._report = report
        self._uploaded: dict[Path, tuple[int, int]] = {}
        self._is_ended = threading.Event()
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look for finished parts."""
        self._thread.start()

    def finish(self) -> bool:
        """Upload the rest, and remove the files. Return whether all is in the store."""
        self._is_ended.set()
        self._thread.join()
        if not self._upload(list(self._files())):
            return False
        shutil.rmtree(self.folder, ignore_errors=True)
        return True

    def close(self) -> None:
        """Remove the folder, or say that there is a recording in it."""
        self._is_ended.set()
        with contextlib.suppress(FileNotFoundError):
            try:
                self.folder.rmdir()
            except OSError:
                text = f"is not complete: the recording is in {self.folder}"
                self._report(f"{self._destination}: {text}")

    def _run(self) -> None:
        while not self._is_ended.wait(_EVERY_SECONDS):
            self._upload(list(self._files())[:-1])

    def _files(self) -> Iterator[Path]:
        """Iterate over the parts that there are; the last one may be written to."""
        number = 1
        while (file := part_path(self.local, number)).exists():
            yield file
            number += 1

    def _upload(self, files: list[Path]) -> bool:
        """Upload the files that are new or were changed. Return whether all are in the store."""
        for file in files:
            status = file.stat()
            version = status.st_size, status.st_mtime_ns
            if self._uploaded.get(file) == version:
                continue
            target = self._destination.with_name(file.name)
            try:
                self._destination.call(self._destination.store.put_file, str(file), str(target))
            except OSError as error:
                if not self._is_failing or self._is_ended.is_set():
                    self._report(f"{target}: cannot be uploaded: {error.strerror or error}")
                self._is_failing = True  # It is tried again, and not reported again.
                return False
            self._is_failing = False
            self._uploaded[file] = version
        return True


@contextlib.contextmanager
def uploading(
    output: Path, existing: str, report: Callable[[str], None]
) -> Generator[Upload | None]:
    """Return the upload of a recording if its output is an object, else None.

    Raises CassetteError if the object exists and is not to be overwritten.
    """
    if not isinstance(output, ObjectPath):
        yield None
        return
    if existing == "append":
        raise CassetteError(f"{output}: nothing is appended to an object: choose another name")
    if existing == "refuse" and output.exists():
        raise CassetteError(f"{output}: already exists: choose another name, or pass --overwrite")
    upload = Upload(output, report)
    try:
        yield upload
    finally:
        upload.close()
