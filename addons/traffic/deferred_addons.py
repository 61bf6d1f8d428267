"""mitmproxy's package of addons, without importing all of its addons.

Before `mitmproxy.addons.core` is imported, Python runs the `__init__` of the package, which imports
every addon, and with them Flask, LDAP and others: 0.2 s of CPU, for addons that are hardly ever
used. So `__init__` runs when somebody asks for its only member, `default_addons`.
"""

import sys
from importlib.util import find_spec, module_from_spec
from typing import Any

_PACKAGE = "mitmproxy.addons"


def defer_addons() -> None:
    """Let the package load its addons on demand, unless it is imported already.

    Raises ImportError if mitmproxy is not installed.
    """
    if _PACKAGE in sys.modules:
        return
    spec = find_spec(_PACKAGE)
    if spec is None or spec.loader is None:
        raise ImportError(f"no package {_PACKAGE}")
    loader = spec.loader
    package: Any = module_from_spec(spec)

    def load(name: str) -> object:
        if name != "default_addons":  # Like a module that is not imported yet.
            raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
        del package.__getattr__
        loader.exec_module(package)
        return package.default_addons

    package.__getattr__ = load
    sys.modules[_PACKAGE] = package
