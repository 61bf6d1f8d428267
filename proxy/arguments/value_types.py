"""The values of options and arguments: how text becomes an address, a size, a pace, a cassette."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, override

import click

from ...cassettes.files.object_path import to_path
from ...proto.http.address import Address
from .completion import complete_cassettes

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


SERVER_TYPE = click.Choice(["master", "agent"])
"""The kind of a server."""

API_TYPE = click.Choice(["master", "agent", "scheduler", "executor", "resource_provider"])
"""A v1 API."""


class AddressType(click.ParamType[Address]):
    """HOST:PORT, [IPv6]:PORT, or a bare PORT on loopback."""

    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Parse an address."""
        if isinstance(value, Address):
            return value
        text = str(value)
        try:
            has_host = not text.removeprefix(":").isdecimal()
            return Address.parse(text if has_host else f"127.0.0.1:{text.removeprefix(':')}")
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SizeType(click.ParamType[int]):
    """A number of bytes, like `500K`, `16M` or `2G` (powers of 1024)."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Parse a size."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([0-9]{1,15})([KMG]?)(?:i?B)?", str(value).strip(), re.IGNORECASE)
        if match is None:
            self.fail(f"{value!r}: expected a size like 500K, 16M or 2G", param, ctx)
        return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2].upper()]


class PaceType(click.ParamType[str]):
    """A pace as written on the command line (cassettes/answers/pace.py)."""

    name = "pace"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Accept only valid paces."""
        text = str(value)
        if not re.fullmatch(r"recorded|every:[0-9.]+|instant|step", text):
            self.fail(f"{text!r} is not recorded, every:0.1 (seconds), instant or step", param, ctx)
        return text

    @override
    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """List paces."""
        from click.shell_completion import CompletionItem

        paces = ("recorded", "every:0.1", "instant", "step")
        return [CompletionItem(each) for each in paces if each.startswith(incomplete)]

    @override
    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the syntax of a pace."""
        return "recorded|every:SECONDS|instant|step"


class CassetteArgument(NamedTuple):
    """A cassette, and its own address if one is given."""

    path: Path
    address: Address | None = None


class CassetteArgumentType(click.ParamType[CassetteArgument]):
    """CASSETTE or CASSETTE=HOST:PORT. The name of an existing file may contain `=`."""

    name = "cassette"

    @override
    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """List cassettes."""
        return complete_cassettes(incomplete)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> CassetteArgument:
        """Split the path and the address."""
        if isinstance(value, CassetteArgument):
            return value
        path, equals, address = str(value).rpartition("=")
        if not equals or not path or to_path(str(value)).exists():
            return CassetteArgument(to_path(str(value)))
        return CassetteArgument(to_path(path), AddressType().convert(address, param, ctx))
