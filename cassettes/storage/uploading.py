"""Recording to an object store: each part is uploaded when it is complete, and emptied here.

The writer writes to a folder of this machine (files/upload_folder.py). When the recording ends, a
secret that was found late is replaced in all parts: those that are objects are read in the store,
written here, and uploaded again. What could not be uploaded is kept, its place is reported, and the
next recording to a store uploads it, like what a recorder left that was killed.
"""

import contextlib
import fcntl
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

from ..files.object_path import NoBucketError, ObjectPath
from ..files.source_file import SourceFile
from ..files.upload_folder import UploadFolder, has_folder, left_folders, uploads_root
from ..format.documents import CassetteError
from .part_names import part_path

_EVERY_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 60.0
_LAST_PAUSES = (1.0, 2.0, 4.0)
"""Seconds between the attempts at the end of a recording."""

type _Print = Callable[[str], None]


class _PartsUpload:
    """Uploads the parts in a folder."""

    def __init__(self, folder: UploadFolder, report: _Print) -> None:
        self.folder = folder
        self.local = folder.path / folder.destination.name
        self._report = report
        self._is_failing = False
        self.is_refused = False

    def upload(self, *, is_ended: bool) -> bool:
        """Upload the complete parts that are new or changed; after the end, all of them.

        Return whether they are in the store. That they are not is reported once.
        """
        files = self.files()
        if not is_ended:
            files = files[:-1]
        try:
            is_complete = all(self._upload_file(file) for file in files)
        except OSError as error:
            if not self._is_failing:
                place = f"{error.filename}: " if error.filename else ""
                self._report(f"{place}cannot be uploaded: {error.strerror or error}")
            self._is_failing = True
            self.is_refused = isinstance(error, (NoBucketError, PermissionError))
            return False
        if self._is_failing:
            self._report(f"{self.folder.destination}: uploading works again")
        self._is_failing = self.is_refused = False
        return is_complete

    def files(self) -> list[Path]:
        """Return the parts that are not in the store, in order."""
        files: list[Path] = []
        number = 1
        while (status := SourceFile.at(file := part_path(self.local, number))) is not None:
            if status.size:
                files.append(file)
            number += 1
        return files

    def _upload_file(self, file: Path) -> bool:
        """Upload a file, and empty it. Return False if a recorder still writes to it.

        If another file takes its name meanwhile, that one stays as it is, and is uploaded next.
        """
        with file.open("r+b") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            target = self.folder.destination.with_name(file.name)
            target.call(target.store.put_file, str(file), str(target))
            opened.truncate(0)
        return True


class Upload:
    """The upload of a recording. `local` is the cassette that is to be written."""

    def __init__(self, folder: UploadFolder, left: list[_PartsUpload], report: _Print) -> None:
        self._parts = _PartsUpload(folder, report)
        self.local = self._parts.local
        self._left = left
        self._report = report
        self._is_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look for complete parts."""
        self._thread.start()

    def finish(self) -> bool:
        """Upload the rest. Return whether all is in the store."""
        self._is_ended.set()
        self._thread.join()
        self._upload_left()
        for pause in (*_LAST_PAUSES, 0.0):
            if self._parts.upload(is_ended=True):
                return True
            if self._parts.is_refused:
                break
            time.sleep(pause)
        return False

    def close(self) -> None:
        """Remove the folder, or say that there is a recording in it."""
        self._is_ended.set()
        if self._thread.is_alive():
            self._thread.join()
        for each in (self._parts, *self._left):
            folder = each.folder
            if each.files():
                text = f"the rest is in {folder.path}, which the next recording to a store uploads"
                self._report(f"{folder.destination}: is not complete: {text}")
                folder.close()
            else:
                folder.remove()

    def _run(self) -> None:
        pause = _EVERY_SECONDS
        while not self._is_ended.wait(pause):
            is_complete = self._parts.upload(is_ended=False) and self._upload_left()
            pause = _EVERY_SECONDS if is_complete else min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _upload_left(self) -> bool:
        """Upload what other recorders left, before or meanwhile. Return whether nothing is left."""
        self._left += [_PartsUpload(folder, self._report) for folder in left_folders()]
        for each in list(self._left):
            if _upload_and_remove(each, self._report):
                self._left.remove(each)
        return not self._left


def _upload_and_remove(left: _PartsUpload, report: _Print) -> bool:
    """Upload what an earlier recorder left, and remove its folder. Return whether that is done."""
    count = len(left.files())
    if not left.upload(is_ended=True):
        return False
    left.folder.remove()
    if count:
        report(f"{left.folder.destination}: uploaded what an earlier recorder left")
    return True


@contextlib.contextmanager
def uploading(output: Path, existing: str, report: _Print) -> Generator[Upload | None]:
    """Return the upload of a recording if its output is an object, else None.

    Raises CassetteError if the object exists and is not to be overwritten.
    """
    if not isinstance(output, ObjectPath):
        yield None
        return
    if existing == "append":
        raise CassetteError(f"{output}: nothing is appended to an object: choose another name")
    left = [_PartsUpload(folder, report) for folder in left_folders()]
    try:
        left = _settle(output, left, report)
        if _exists(output, existing) and existing == "refuse":
            raise CassetteError(
                f"{output}: already exists: choose another name, or pass --overwrite"
            )
        upload = Upload(_create_folder(output), left, report)
    except BaseException:
        for each in left:
            each.folder.close()
        raise
    try:
        yield upload
    finally:
        upload.close()


def _exists(output: ObjectPath, existing: str) -> bool:
    """Return whether there is an object. Raises OSError, also if there is no bucket.

    That it may not be known does not matter if the object is to be overwritten.
    """
    try:
        return output.exists()
    except PermissionError:
        if existing == "refuse":
            raise
        return False


def _settle(output: ObjectPath, left: list[_PartsUpload], report: _Print) -> list[_PartsUpload]:
    """Upload first what was left under this name; return the rest. Raises CassetteError."""
    others: list[_PartsUpload] = []
    for each in left:
        if each.folder.destination != output:
            others.append(each)
        elif not _upload_and_remove(each, report):
            text = "an earlier recording under this name is to be uploaded first, from"
            raise CassetteError(f"{output}: {text} {each.folder.path}: choose another name")
    if has_folder(output):
        raise CassetteError(f"{output}: another recorder is writing to it: choose another name")
    return others


def _create_folder(output: ObjectPath) -> UploadFolder:
    try:
        return UploadFolder.create(output)
    except OSError as error:
        text = f"cannot be created: {error.strerror}: set XDG_STATE_HOME to another folder"
        raise CassetteError(f"{uploads_root()}: {text}") from error
