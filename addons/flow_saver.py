"""The command `mesotape.save`: record flows that mitmproxy has, for example selected ones.

    : mesotape.save @focus cassette.yaml
    : mesotape.save "~marked & ~u api/v1" cassette.yaml

The flows are read as `mesotape import` reads a flow file, in a thread, so that traffic goes on.
They pass through memory, because a file would have their secrets.
"""

import asyncio
import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

import mitmproxy.types
from mitmproxy import command, exceptions, flow
from mitmproxy import io as flow_io
from mitmproxy.addonmanager import Loader
from mitmproxy.log import ALERT

from ..cassettes.format.documents import CassetteError
from ..cassettes.importing.new_cassette import ImportResult, write_cassette
from ..cassettes.importing.traffic import ForeignFileError, Origins
from ..cassettes.interchange.losses import Losses
from ..cassettes.redaction.redactor import Redactor
from ..proto.counted import counted
from .addon_options import add_redaction_options, add_server_option, selected_rules, selected_server
from .flow_files.flow_reader import FlowFileError
from .flow_files.flow_traffic import read_flow_traffic
from .views.kept_body import load_kept_range

logger = logging.getLogger(__name__)

_MAX_BODY_BYTES = 128 << 20


class FlowSaver:
    """Adds the command to mitmproxy."""

    def __init__(self) -> None:
        self._saving = set[asyncio.Future[None]]()

    def load(self, loader: Loader) -> None:
        """Declare the options that the command reads."""
        add_server_option(loader)
        add_redaction_options(loader)

    @command.command("mesotape.save")
    def save(self, flows: Sequence[flow.Flow], path: mitmproxy.types.Path) -> None:
        """Record flows into a new cassette, without their secrets."""
        cassette = Path(path).expanduser()
        if cassette.exists():
            raise exceptions.CommandError(f"{cassette}: exists already: choose another name")
        if not flows:
            raise exceptions.CommandError("no flow is selected")
        saving = _prepare(flows, cassette)
        task = asyncio.ensure_future(asyncio.to_thread(saving))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def done(self) -> None:
        """Wait for what is being saved."""
        await asyncio.gather(*self._saving)


def _prepare(flows: Sequence[flow.Flow], cassette: Path) -> Callable[[], None]:
    """Copy flows as they are now, and return the function that saves them and reports that."""
    file = io.BytesIO()
    writer = flow_io.FlowWriter(file)
    for one in flows:
        writer.add(one)
    file.seek(0)
    tails = sum(map(_is_tail, flows))
    server, redactor = selected_server(), Redactor(selected_rules())

    def save() -> None:
        losses = Losses()
        try:
            traffic = read_flow_traffic(file, Origins(), losses)
            result = write_cassette(cassette, traffic, server, redactor, _MAX_BODY_BYTES)
        except (CassetteError, FlowFileError, ForeignFileError, OSError) as error:
            logger.error("mesotape: %s was not saved: %s", cassette, error)
            return
        if tails:
            text = "set mesotape_view_tail, or record with mesotape_cassette"
            losses.add(f"only the ends of {counted(tails, 'stream')} were kept: {text}")
        _report(cassette, result, losses)

    return save


def _is_tail(one: flow.Flow) -> bool:
    """Return whether only the end of a stream was kept."""
    ranges = filter(None, (load_kept_range(one, side) for side in ("request", "response")))
    return any(each.offset for each in ranges)


def _report(cassette: Path, result: ImportResult, losses: Losses) -> None:
    exchanges, events = counted(result.exchanges, "exchange"), counted(result.events, "event")
    logger.log(ALERT, "mesotape: %s, %s in %s", exchanges, events, cassette)
    if result.is_secret_left:
        text = "a secret is left: it is in a name; run mesotape redact"
        logger.warning("mesotape: %s: %s %s", cassette, text, quote(str(cassette)))
    for loss in losses:
        logger.warning("mesotape: not in the flows: %s", loss)
