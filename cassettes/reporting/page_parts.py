"""The parts of the page: what stands before the messages, and after them.

Nothing of a cassette is markup or script. All of it is base64, and the script puts it into the page
as text. The policy of the page permits the scripts and styles with these digests, and no request.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("page")
_STYLES = ("uplot.min.css", "report.css")
_SCRIPTS = (
    "columns.js",
    "elements.js",
    "timeline.js",
    "lane_marks.js",
    "state_charts.js",
    "calls.js",
    "details.js",
    "report.js",
)


def page_start() -> bytes:
    """Return the page up to the messages."""
    styles = _read(_STYLES)
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none';"
        f" style-src {_digest(styles)}; script-src {_digest(_library())} {_digest(_script())}"
    )
    skeleton = _read(("page.html",)).decode()
    page = skeleton.replace("{policy}", policy).replace("{style}", styles.decode())
    return page.encode()


def page_end(facts: bytes, columns: bytes) -> bytes:
    """Return the page after the messages; both values are base64."""
    return b"".join(
        (
            b'<script type="text/plain" id="facts">%b</script>\n' % facts,
            b'<script type="text/plain" id="columns">%b</script>\n' % columns,
            b"<script>%b</script>\n<script>%b</script>\n</body>\n</html>\n"
            % (_library(), _script()),
        )
    )


@cache
def _library() -> bytes:
    return b"/*\n%b*/\n%b" % (_read(("uplot.LICENSE",)), _read(("uplot.min.js",)))


@cache
def _script() -> bytes:
    return b'(() => {\n"use strict";\n%b})();\n' % _read(_SCRIPTS)


@cache
def _read(names: Sequence[str]) -> bytes:
    return b"".join((_FOLDER / name).read_bytes() for name in names)


def _digest(source: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source).digest()).decode()}'"
