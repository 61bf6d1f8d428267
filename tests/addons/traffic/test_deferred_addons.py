"""The package of mitmproxy's addons loads them when somebody asks for them."""

import subprocess
import sys

CODE = """
import sys
from mesotape.addons.traffic.deferred_addons import defer_addons

defer_addons()
defer_addons()
from mitmproxy import addons
from mitmproxy.addons import core

print("ldap3" in sys.modules, hasattr(addons, "proxyauth"))
types = {type(each) for each in addons.default_addons()}
print("ldap3" in sys.modules, core.Core in types, len(types) == len(addons.default_addons()))
from mitmproxy.addons import proxyauth
print(proxyauth.ProxyAuth in types, addons.proxyauth is proxyauth)
"""


def test_addons_are_imported_when_they_are_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["False False", "True True True", "True True"], done.stderr
