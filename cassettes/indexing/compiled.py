"""The compiled module of this folder, where there is one.

It is built from native/ where a C compiler is. The environment variable MESOTAPE_PURE_PYTHON=1
switches it off, and Python code does the same.
"""

import os

try:
    if os.environ.get("MESOTAPE_PURE_PYTHON"):
        raise ImportError
    from . import _native as native
except ImportError:
    native = None

__all__ = ["native"]
