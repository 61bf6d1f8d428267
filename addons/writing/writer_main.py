"""The writer process: reads observations from stdin, writes the cassette, reports on stdout.

It reads until the end of its input, and ignores the signals that end the proxy.
"""

import json
import os
import signal
import sys
from pathlib import Path

import msgspec

from ...cassettes.files.upload_folder import join_folder
from ...cassettes.format.documents import CassetteError
from ...cassettes.recording.disk_space import lack_of_space
from ...cassettes.recording.output_file import CassetteExistsError
from ...cassettes.recording.writer import CassetteWriter
from ...cassettes.recording.writer_reports import (
    IGNORED_SIGNALS,
    OPEN_SIGNAL,
    WriterConfig,
    WriterStatus,
)
from ..traffic.guard import describe_error
from .reports import Reports
from .writing_loop import WritingLoop


def main() -> None:
    """Write the cassette that the first argument (a `WriterConfig` in JSON) describes."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)
    config = msgspec.convert(json.loads(sys.argv[1]), WriterConfig)
    if os.read(0, len(OPEN_SIGNAL)) != OPEN_SIGNAL:
        return  # The proxy did not start.
    reports = Reports()
    try:
        writer = _open(config)
    except OSError as error:
        reports.write(WriterStatus(error=f"{config.path}: cannot be written: {error.strerror}"))
        return
    except ValueError as error:
        is_existing = isinstance(error, CassetteExistsError)
        reports.write(WriterStatus(error=str(error), file_exists=is_existing))
        return
    if (lack := lack_of_space(writer.file, config.min_free)) is not None:
        writer.discard()
        reports.write(WriterStatus(error=f"{config.path}: cannot be written: {lack}"))
        return
    try:
        WritingLoop(writer, config, reports).run()
    except Exception as error:  # Its text may have a secret.
        reports.write(WriterStatus(error=f"the writer process failed: {describe_error(error)}"))


def _open(config: WriterConfig) -> CassetteWriter:
    """Open the cassette. Raises CassetteError."""
    path, continued = Path(config.path), config.continues
    join_folder(path)
    if continued is not None:
        status = path.stat() if path.exists() else None
        if status is None or (status.st_dev, status.st_ino) != continued:
            text = "cannot be continued: the file was renamed, removed or replaced"
            raise CassetteError(f"{path}: {text}")
    return CassetteWriter.open(
        path,
        config.existing,
        config.server,
        config.upstream,
        config.rules,
        sync=config.sync,
        max_part_bytes=config.max_size,
    )


if __name__ == "__main__":
    main()
