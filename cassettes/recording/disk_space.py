"""The space that a recording leaves free on the disk."""

from .output_file import OutputFile

DEFAULT_MIN_FREE = 1 << 26
"""Bytes that are left free on the disk, unless it is small."""

_MIN_FREE_SHARE = 20
"""By default, recording pauses when less than this part of the disk is free, if that is less."""


def lack_of_space(file: OutputFile, min_free: int | None, *, is_paused: bool = False) -> str | None:
    """Return how little space is left on the disk of a file, if it is too little to record.

    `min_free` is how many bytes are left free, None for the default.
    """
    try:
        free_bytes, size_bytes = file.free_bytes()
    except OSError:
        return None
    least_bytes = min_free
    if least_bytes is None:
        least_bytes = min(DEFAULT_MIN_FREE, size_bytes // _MIN_FREE_SHARE)
    if is_paused:
        least_bytes += least_bytes // 4  # So that it does not begin and end all the time.
    if free_bytes >= least_bytes:
        return None
    return f"only {free_bytes >> 20} MiB are free on the disk"
