"""`mesotape import`: write the file of another tool as a cassette."""

import contextlib
import gzip
import mmap
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
from msgspec import Struct

from ...cassettes.files.object_path import ObjectPath, ObjectStoreError
from ...cassettes.format.documents import Document, Header
from ...cassettes.importing.formats import HEAD_BYTES, ImportFormat, detect_format
from ...cassettes.importing.new_cassette import ImportResult, write_cassette
from ...cassettes.importing.raw_reader import RawHints, read_raw_stream
from ...cassettes.importing.traffic import ForeignFileError, Origins, Traffic
from ...cassettes.interchange.json_lines import read_json_lines
from ...cassettes.interchange.losses import Losses
from ...cassettes.known_secrets.placeholders import last_placeholder_in
from ...cassettes.recording.observations import AnyObservation
from ...cassettes.redaction.redactor import Redactor
from ...cassettes.redaction.rules import RuleSet, counts_text
from ...cassettes.storage.new_file import locked
from ...cassettes.storage.opening import GZIP_MAGIC, missing_file_text
from ...cassettes.storage.part_names import part_path
from ...proto.api.apis import APIS_BY_NAME, ServerKind
from ...proto.counted import counted
from ..commands.console import EXIT_FAILURE, CommandError, OptionError, print_json, print_to_stderr
from ..terminal.progress import progress
from .cassette_files import writing

_BLOCK_BYTES = 1 << 18


class ImportOptions(Struct, frozen=True, kw_only=True):
    """The options of `mesotape import`."""

    file: Path
    output: Path
    rules: RuleSet
    format_name: ImportFormat | None = None
    server: ServerKind | None = None
    upstream: str | None = None
    api: str | None = None
    request: str | None = None
    max_body: int
    as_json: bool = False


def import_file(options: ImportOptions) -> int:
    """Import the file. Return the exit code; raises CommandError."""
    path, output = options.file, options.output
    if output.exists() and path.exists() and output.samefile(path):
        raise CommandError(f"{output}: is the imported file: choose another name for -o")
    if (part := part_path(output, 2)).exists():
        text = "already exists, and would be the next part: remove it, or choose another name"
        raise CommandError(f"{part}: {text} for -o")
    losses, origins = Losses(), Origins(options.upstream)
    try:
        with (
            writing(output),
            _unpacked(path) as file,
            locked(output),
            progress(f"importing {path}", _size(file)) as shown,
        ):
            redactor = Redactor(options.rules, _last_placeholder(file) + 1)
            traffic = _read(file, options, origins, losses, shown.advance)
            result = write_cassette(output, traffic, options.server, redactor, options.max_body)
    except ForeignFileError as error:
        raise CommandError(f"{path}: {error}; nothing was written") from error
    _warn_of_servers(origins, options, losses)
    _print_result(result, losses, options)
    return EXIT_FAILURE if result.is_secret_left else 0


@contextlib.contextmanager
def _unpacked(path: Path) -> Generator[BinaryIO]:
    """Open a file; one that is compressed, or is an object, is copied into an unnamed file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise CommandError(f"{path}: {missing_file_text(path)}") from None
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    with contextlib.ExitStack() as stack:
        stack.enter_context(file)
        try:
            head = file.read(len(GZIP_MAGIC))
        except OSError as error:
            raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
        file.seek(0)
        if not head:
            raise CommandError(f"{path}: is empty")
        is_packed = head == GZIP_MAGIC
        if is_packed or isinstance(path, ObjectPath):
            unpacked = stack.enter_context(tempfile.TemporaryFile())
            try:
                with gzip.open(file) if is_packed else file as packed:
                    shutil.copyfileobj(packed, unpacked, _BLOCK_BYTES)
            except ObjectStoreError as error:
                raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
            except (EOFError, OSError, zlib.error) as error:
                raise CommandError(f"{path}: cannot be unpacked: {error}") from error
            unpacked.seek(0)
            file = cast("BinaryIO", unpacked)
        yield file


def _last_placeholder(file: BinaryIO) -> int:
    fd = file.fileno()
    return last_placeholder_in(lambda start, end: os.pread(fd, end - start, start))


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _read(
    file: BinaryIO,
    options: ImportOptions,
    origins: Origins,
    losses: Losses,
    on_progress: Callable[[int], None],
) -> Traffic:
    """Read a file in its format. Raises ForeignFileError, also while the traffic is read."""
    head = file.read(HEAD_BYTES)
    file.seek(0)
    format_name = options.format_name or detect_format(head, is_whole=len(head) < HEAD_BYTES)
    api = None if options.api is None else APIS_BY_NAME[options.api]
    hints = RawHints(api=api, request=_call(options.request))
    match format_name:
        case "jsonl":
            return _json_lines(options.file, _advancing(file, on_progress))
        case "recordio":
            return read_raw_stream(_advancing(_blocks(file), on_progress), hints, losses)
        case "http":
            from ...cassettes.importing.http_reader import read_http

            return read_http(_advancing(_blocks(file), on_progress), hints, losses)
        case "pcap":
            from ...cassettes.importing.packet_reader import read_packet_capture

            traffic = read_packet_capture(file, hints, origins, losses)
            return _with_progress(traffic, file, on_progress)
        case "flow":
            return _with_progress(_flows(file, origins, losses), file, on_progress)
        case "har":
            from ...cassettes.importing.har_reader import read_har

            data = _mapped(file)
            return _with_progress(read_har(data, origins, losses), data, on_progress)
        case "vcr" if head.lstrip()[:1] == b"{":
            from ...cassettes.importing.vcr_reader import read_vcr_json

            data = _mapped(file)
            return _with_progress(read_vcr_json(data, origins, losses), data, on_progress)
        case "vcr":
            from ...cassettes.importing.vcr_reader import read_vcr_yaml

            return _with_progress(read_vcr_yaml(file, origins, losses), file, on_progress)
        case None:
            raise ForeignFileError(_unknown_format(head))


def _call(text: str | None) -> bytes | None:
    """Return the call of --request, without white space."""
    if text is None:
        return None
    try:
        return msgspec.json.encode(msgspec.json.decode(text, type=dict[str, msgspec.Raw]))
    except msgspec.DecodeError as error:
        raise OptionError(f"--request {text}: expected a call as JSON: {error}") from error


def _json_lines(path: Path, lines: Iterator[bytes]) -> Traffic:
    documents = read_json_lines(lines, path)
    header = next(documents, None)
    if not isinstance(header, Header):
        raise ForeignFileError("expected the header of a cassette in the first line")
    return Traffic(tool="mesotape", header=header, items=documents)


def _flows(file: BinaryIO, origins: Origins, losses: Losses) -> Traffic:
    try:  # It takes a second to import.
        from ...addons.flow_files.flow_traffic import read_flow_traffic
    except ImportError as error:
        text = f"a flow file needs mitmproxy: pip install 'mesotape[record]' ({error})"
        raise CommandError(text) from error
    return read_flow_traffic(file, origins, losses)


def _unknown_format(head: bytes) -> str:
    if b"mesotape:" in head:
        return "is a cassette already"
    kinds = "a HAR, JSON lines, a flow file, a cassette of vcrpy, a packet capture, HTTP or records"
    return f"expected {kinds}, found {head[:20]!r}…; --format names the format"


def _mapped(file: BinaryIO) -> mmap.mmap:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, _BLOCK_BYTES), b"")


def _advancing(pieces: Iterable[bytes], on_progress: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        on_progress(done)


def _with_progress(
    traffic: Traffic, file: BinaryIO | mmap.mmap, on_progress: Callable[[int], None]
) -> Traffic:
    """Return traffic that shows how far its file was read."""

    def items() -> Iterator[AnyObservation | Document]:
        for item in traffic.items:
            on_progress(file.tell())
            yield item

    return msgspec.structs.replace(traffic, items=items())


def _warn_of_servers(origins: Origins, options: ImportOptions, losses: Losses) -> None:
    counts = origins.counts
    if origins.only is None and len(counts) > 1:
        servers = ", ".join(f"{origin} ({count})" for origin, count in counts.most_common(5))
        text = "requests went to several servers, and a cassette is of one"
        print_to_stderr(f"{options.file}: {text}: --upstream URL keeps those of one: {servers}")
    elif options.upstream is not None and (others := counts.total() - counts[origins.only or ""]):
        losses.add(f"{counted(others, 'request')} to other servers than {origins.only}: left out")


def _print_result(result: ImportResult, losses: Losses, options: ImportOptions) -> None:
    found = list(losses)
    if options.as_json:
        shown = {"file": str(options.output), **msgspec.to_builtins(result), "losses": found}
        print_json(shown)
    else:
        for loss in found:
            print_to_stderr(f"{options.file}: {loss}")
        if result.secrets:
            print_to_stderr(f"{options.output}: secrets replaced: {counts_text(result.secrets)}")
    if result.is_secret_left:
        text = f"a secret is left: it is in a name; run mesotape redact {options.output}"
        print_to_stderr(f"{options.output}: {text}")
