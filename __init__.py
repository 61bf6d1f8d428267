"""Record, replay and inspect the Apache Mesos v1 HTTP APIs.

The names in `__all__` are the public Python API, described in docs/python.md; everything else may
move between versions. Each is imported when it is first used: `import mesotape` alone loads none of
the package.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cassettes.answers.pace import Every, Instant, Recorded, Stepped
    from .cassettes.format.documents import (
        CassetteError,
        End,
        Event,
        Exchange,
        Header,
        Note,
        Request,
        Response,
    )
    from .cassettes.matching.misses import Miss
    from .cassettes.playback.playback import Options, Playback
    from .cassettes.recording.writer import CassetteWriter
    from .cassettes.storage.reader import Cassette
    from .cassettes.tables.spark_source import SparkSource as SparkSource
    from .proto import recordio
    from .proto.diagnosis.examiner import Examiner
    from .proto.diagnosis.findings import SkippedBytes, ValidRecord
    from .proto.diagnosis.problems import Diagnostic
    from .proto.http.request import HttpRequest
    from .proxy.control.player import Player
    from .proxy.control.verdict import ReplayError

__version__ = "0.1.0"

__all__ = [
    "Cassette",
    "CassetteError",
    "CassetteWriter",
    "Diagnostic",
    "End",
    "Event",
    "Every",
    "Examiner",
    "Exchange",
    "Header",
    "HttpRequest",
    "Instant",
    "Miss",
    "Note",
    "Options",
    "Playback",
    "Player",
    "Recorded",
    "ReplayError",
    "Request",
    "Response",
    "SkippedBytes",
    "Stepped",
    "ValidRecord",
    "__version__",
    "recordio",
]

_MODULES = {
    "proto.recordio": ("recordio",),
    "proto.http.request": ("HttpRequest",),
    "proto.diagnosis.examiner": ("Examiner",),
    "proto.diagnosis.findings": ("SkippedBytes", "ValidRecord"),
    "proto.diagnosis.problems": ("Diagnostic",),
    "cassettes.format.documents": (
        "CassetteError",
        "End",
        "Event",
        "Exchange",
        "Header",
        "Note",
        "Request",
        "Response",
    ),
    "cassettes.storage.reader": ("Cassette",),
    "cassettes.recording.writer": ("CassetteWriter",),
    "cassettes.answers.pace": ("Every", "Instant", "Recorded", "Stepped"),
    "cassettes.matching.misses": ("Miss",),
    "cassettes.playback.playback": ("Options", "Playback"),
    "proxy.control.player": ("Player",),
    "proxy.control.verdict": ("ReplayError",),
}
_MODULES["cassettes.tables.spark_source"] = ("SparkSource",)  # Not in __all__: it needs an extra.
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_HOME[name]}", __name__)
    value: object = module if name == "recordio" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
