"""`--record-misses`: requests without a recorded answer are made to a server, and recorded.

    mesotape replay cassette.yaml --upstream http://master.example:5050 --record-misses

As in the pytest plugin, a copy of the cassette is recorded to, which replaces it at the end.
"""

import contextlib
from collections.abc import Generator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ...cassettes.files.object_path import ObjectPath
from ...cassettes.storage.reader import Cassette
from ...proto.counted import counted
from ...proto.http.address import ServerUrl
from .console import CommandError, OptionError, print_to_stderr, rules_of_options
from .replay_options import ReplayOptions

if TYPE_CHECKING:
    from ..recorder.recorder_process import LazyRecorder


@contextlib.contextmanager
def recording_misses(
    options: ReplayOptions, cassettes: Sequence[Cassette]
) -> "Generator[LazyRecorder | None]":
    """Return a recorder that starts with the first miss, or None if none is wanted.

    It is given up if the block raises. Raises CommandError.
    """
    recorder = _recorder(options, cassettes)
    try:
        yield recorder
    except BaseException:
        if recorder is not None:
            recorder.rollback()
        raise


def end_recording(recorder: "LazyRecorder", options: ReplayOptions, *, is_success: bool) -> None:
    """Add what was recorded to the cassette if the command beside the replay was a success."""
    from ..recorder.recorder_process import RecordingError

    path = options.cassettes[0]
    try:
        if is_success:
            recorder.commit(with_proxy_answers=False)
        else:
            recorder.rollback()
    except RecordingError as error:
        raise CommandError(str(error)) from error
    finally:
        for warning in recorder.warnings:
            print_to_stderr(f"recording {recorder.upstream}: {warning}")
    if is_success and recorder.exchange_count:
        recorded = counted(recorder.exchange_count, "exchange")
        print_to_stderr(f"recorded {recorded} of {recorder.upstream} into {path}")
    elif not is_success and recorder.failure_note:
        print_to_stderr(recorder.failure_note)


def _recorder(options: ReplayOptions, cassettes: Sequence[Cassette]) -> "LazyRecorder | None":
    redaction = [word for each in options.no_redact for word in ("--no-redact", each)]
    redaction += ["--redact-data"] if options.redact_data else []
    if redaction and not options.record_misses:
        raise OptionError(f"{redaction[0]} needs --record-misses: else nothing is recorded")
    if options.upstream is None and not options.record_misses:
        return None
    if options.upstream is None or not options.record_misses:
        raise OptionError(
            "expected both --upstream URL and --record-misses, which adds to the cassette"
        )
    rules_of_options(options.redact_rules, options.no_redact, empties_data=options.redact_data)
    try:
        ServerUrl.parse_origin(options.upstream)
    except ValueError as error:
        raise OptionError(f"--upstream {error}") from error
    if len(cassettes) != 1:
        raise OptionError(f"--record-misses: expected one cassette, found {len(cassettes)}")
    (cassette,) = cassettes
    path = cassette.path
    if (reason := _unfit(cassette)) is not None:
        raise CommandError(f"--record-misses: {path} {reason}")
    if find_spec("mitmproxy") is None:
        raise CommandError("--record-misses needs mitmproxy: pip install 'mesotape[record]'")
    from ..recorder.recorder_process import LazyRecorder

    if options.redact_rules is not None:
        redaction += ["--redact-rules", str(options.redact_rules)]
    return LazyRecorder(
        options.upstream,
        path,
        server=cassette.header.server or "master",
        options=redaction,
    )


def _unfit(cassette: Cassette) -> str | None:
    """Return why a recording cannot be added to a cassette."""
    if isinstance(cassette.path, ObjectPath):
        return "is in an object store: copy it to a file"
    if not cassette.path.is_file():
        return "is not a file: copy it to one"
    if cassette.path.suffix == ".gz":
        return "is compressed: unpack it"
    if len(cassette.part_paths) > 1:
        return "has several parts: join them with mesotape cut"
    return None
