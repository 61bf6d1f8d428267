"""The names of cassettes, and those of their parts: `c.yaml`, `c.2.yaml`, `c.3.yaml`."""

from pathlib import Path

CASSETTE_SUFFIXES = (".yaml", ".yml", ".yaml.gz", ".yml.gz")


def part_path(path: Path, number: int) -> Path:
    """Return the path of a part of a cassette: `c.2.yaml` for `c.yaml`."""
    if number == 1:
        return path
    name = path.name.removesuffix(".gz")
    packed = path.name[len(name) :]
    stem, suffix = Path(name).stem, Path(name).suffix
    return path.with_name(f"{stem}.{number}{suffix}{packed}")


def first_part_path(path: Path, number: int) -> Path:
    """Return the path of the first part, by that of another one."""
    return path.with_name(path.name.replace(f".{number}.", ".", 1).removesuffix(f".{number}"))
