"""The paths of files, which may be objects of a store."""

import os
from pathlib import Path
from typing import override

import click

from ...cassettes.files.object_path import to_path


class PathType(click.Path):
    """The path of a file, or the URL of an object such as `s3://bucket/cassette.yaml`."""

    @override
    def convert(
        self,
        value: "str | os.PathLike[str]",
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """Return the path."""
        return value if isinstance(value, Path) else to_path(os.fsdecode(value))


PATH_TYPE = PathType(path_type=Path)
