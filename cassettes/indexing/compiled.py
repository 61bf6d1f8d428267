"""The compiled module of this folder, where there is one.

It is built from native/ where a C compiler is. Without it, Python code does the same.
"""

from ...proto.compiled import is_usable

if is_usable("mesotape.cassettes.indexing"):
    from . import _native as native
else:
    native = None

__all__ = ["native"]
