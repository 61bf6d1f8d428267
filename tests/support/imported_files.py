"""Files of other tools, and the cassettes that are made of them as `mesotape import` does."""

import contextlib
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from mesotape.addons.flow_files.flow_traffic import read_flow_traffic
from mesotape.addons.flow_files.flow_writer import write_flows
from mesotape.cassettes.format.yaml_writer import format_document
from mesotape.cassettes.importing.har_reader import read_har
from mesotape.cassettes.importing.new_cassette import write_cassette
from mesotape.cassettes.importing.traffic import Origins, Traffic
from mesotape.cassettes.importing.vcr_reader import read_vcr_json, read_vcr_yaml
from mesotape.cassettes.interchange.details import CassetteDetails
from mesotape.cassettes.interchange.har_writer import write_har
from mesotape.cassettes.interchange.losses import Losses
from mesotape.cassettes.interchange.recorded import RecordedExchanges
from mesotape.cassettes.redaction.redactor import Redactor
from mesotape.cassettes.redaction.rules import NO_RULES, RuleSet
from mesotape.cassettes.storage.reader import Cassette
from support.paths import DATA

type Reader = Callable[[BinaryIO, Losses], Traffic]

FILES = DATA / "imported"
"""Files that Playwright, mitmdump and vcrpy made of the same four calls."""

MAX_BODY_BYTES = 1 << 27


def mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


READERS: dict[str, Reader] = {
    "har": lambda file, losses: read_har(mapped(file), Origins(), losses),
    "flow": lambda file, losses: read_flow_traffic(file, Origins(), losses),
    "json": lambda file, losses: read_vcr_json(mapped(file), Origins(), losses),
    "yaml": lambda file, losses: read_vcr_yaml(file, Origins(), losses),
}
WRITERS = {"har": write_har, "flow": write_flows}


def export(cassette: Path, output: Path, losses: Losses, max_body_bytes: int = 1 << 27) -> Path:
    """Write a cassette as HAR or flow file."""
    write = WRITERS[output.suffix.removeprefix(".")]
    with Cassette.open(cassette) as opened, output.open("wb") as file:
        details = CassetteDetails(header=opened.header, notes=list(opened.notes()))
        file.writelines(write(details, RecordedExchanges(opened, losses, max_body_bytes)))
    return output


def import_file(path: Path, output: Path, losses: Losses, rules: RuleSet = NO_RULES) -> Path:
    """Write a file as a cassette."""
    with path.open("rb") as file:
        traffic = READERS[path.suffix.removeprefix(".")](file, losses)
        write_cassette(output, traffic, None, Redactor(rules), MAX_BODY_BYTES)
    return output


def documents(path: Path) -> list[bytes]:
    """Return all documents, in an order that does not depend on when they were written."""
    with Cassette.open(path) as cassette:
        return sorted(format_document(document) for document, _ in cassette.documents())


@contextlib.contextmanager
def imported(path: Path, folder: Path, losses: Losses | None = None) -> Iterator[Cassette]:
    """Open the cassette that is made of a file."""
    output = import_file(path, folder / "imported.yaml", Losses() if losses is None else losses)
    with Cassette.open(output) as cassette:
        yield cassette
