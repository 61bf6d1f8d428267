"""The compiled module of this folder, where there is one.

It is built from native/ where a C compiler is. Without it, Python code does the same.
"""

from ...proto.compiled import check_usable

try:
    check_usable("mesotape.cassettes.indexing")
    from . import _native as native
except ImportError:
    native = None

__all__ = ["native"]
