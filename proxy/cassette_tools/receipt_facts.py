"""The receipt of a replay, read for a report."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ...cassettes.reporting.receipt_overlay import ReceiptFacts
from ..commands.console import CommandError
from ..control.receipt import NamedExchange, Receipt

_MOST_DIFFERENCES = 5


class _MissedRequest(Struct):
    method: str = ""
    path: str = ""
    call: str | None = None


class _Difference(Struct):
    path: str = ""
    recorded: Any = None
    received: Any = None


class _NearestExchange(Struct):
    exchange: int = 0
    what: str = ""
    differences: list[_Difference] = []


class _ReceiptMiss(Struct):
    """A miss as receipts have it (Miss.to_dict); a refusal has a `refusal`, too."""

    miss: str | None = None
    refusal: str | None = None
    request: _MissedRequest = msgspec.field(default_factory=_MissedRequest)
    nearest: list[_NearestExchange] = []
    advice: str | None = None


def read_receipt(path: Path) -> ReceiptFacts:
    """Read a receipt. Raises CommandError."""
    try:
        receipt = msgspec.json.decode(path.read_bytes(), type=Receipt)
        misses = msgspec.convert(receipt.misses, list[_ReceiptMiss])
        refusals = msgspec.convert(receipt.refusals, list[_ReceiptMiss])
    except OSError as error:
        raise CommandError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        text = f"{path}: is no receipt of mesotape replay --receipt: {error}"
        raise CommandError(text) from error
    summary = "the replay has not ended" if receipt.counts is None else str(receipt.counts)
    if receipt.exit_code is not None:
        summary += f", exit code {receipt.exit_code}"
    unused = [*receipt.unused, *receipt.left_out]
    required = receipt.required.unmet if receipt.required is not None else []
    return ReceiptFacts(
        summary=summary,
        digests={each.path: each.sha256 for each in receipt.cassettes},
        served=[(each.cassette, each.exchange, each.times or 1) for each in receipt.served],
        unused=[(each.cassette, each.exchange) for each in unused],
        lists={
            "Missed": list(map(_miss_text, misses)),
            "Refused": list(map(_miss_text, refusals)),
            "Faults": receipt.strikes,
            "Failed": receipt.failures,
            "Still waiting at the end": receipt.held,
            "Not used": list(map(_exchange_text, unused)),
            "Required, but not used": list(map(_exchange_text, required)),
        },
    )


def _exchange_text(named: NamedExchange) -> str:
    call = f" ({named.call})" if named.call else ""
    return f"exchange {named.exchange} of {named.cassette}{call}"


def _miss_text(miss: _ReceiptMiss) -> str:
    """Return a line: the call, the reason, the nearest exchange and what differs, the advice."""
    return "; ".join(_miss_parts(miss))


def _miss_parts(miss: _ReceiptMiss) -> Iterator[str]:
    request = miss.request
    call = request.call or f"{request.method} {request.path}"
    yield f"{call}: {miss.refusal or miss.miss or 'no answer'}"
    for nearest in miss.nearest[:1]:
        differences = ", ".join(
            f"{each.path}: {_value_text(each.recorded)} → {_value_text(each.received)}"
            for each in nearest.differences[:_MOST_DIFFERENCES]
        )
        yield f"nearest: exchange {nearest.exchange}, {nearest.what} ({differences})"
    if miss.advice:
        yield miss.advice


def _value_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
