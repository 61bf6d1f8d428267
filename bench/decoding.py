"""The least that an inspection can do: cut a stream by its lengths, and decode what is between.

python bench/decoding.py orjson|upb FILE
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

READ_BYTES = 1 << 20


def decoder(name: str) -> Callable[[bytes], object]:
    if name == "upb":
        from mesotape.proto.messages.descriptors import message_class

        return message_class("mesos.v1.master.Event").FromString
    return importlib.import_module("orjson").loads


def main() -> None:
    decode, left = decoder(sys.argv[1]), b""
    with Path(sys.argv[2]).open("rb") as file:
        while data := file.read(READ_BYTES):
            data, at = left + data, 0
            while (newline := data.find(b"\n", at, at + 21)) >= 0:
                stop = newline + 1 + int(data[at:newline])
                if stop > len(data):
                    break
                decode(data[newline + 1 : stop])
                at = stop
            left = data[at:]


if __name__ == "__main__":
    main()
