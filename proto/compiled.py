"""Which compiled modules are used: those that are built, and belong to the Python code beside them.

`_native` of four folders is built from their native/ where a C compiler is, and Python code does
the same without it. A module that was built from other sources, as after an update of a checkout
without a new installation, may lack a function, or take other arguments: it is not used either.
The environment variable MESOTAPE_PURE_PYTHON=1 switches all of them off.
"""

import os
from importlib import import_module
from typing import Literal

type CompiledState = Literal["in use", "switched off", "missing", "outdated"]

INTERFACES = {
    "mesotape.proto.messages": 1,
    "mesotape.cassettes.format": 1,
    "mesotape.cassettes.indexing": 1,
    "mesotape.cassettes.known_secrets": 1,
}
"""The value of INTERFACE in the module of each folder. Count it up, here and in the C code, when
what the module takes or returns changes."""


def check_usable(package: str) -> None:
    """Raise ImportError if `_native` of a package is not to be used."""
    if (state := compiled_state(package)) != "in use":
        raise ImportError(f"{package}._native is {state}")


def compiled_state(package: str) -> CompiledState:
    """Return whether `_native` of a package is used, and why not."""
    if os.environ.get("MESOTAPE_PURE_PYTHON"):
        return "switched off"
    try:
        module = import_module("._native", package)
    except ImportError:
        return "missing"
    return "in use" if getattr(module, "INTERFACE", 0) == INTERFACES[package] else "outdated"
