"""The addons for any mitmproxy: `mitmweb -s script.py --set mesotape_cassette=out.yaml`."""

from mesotape.addons.flow_saver import FlowSaver
from mesotape.addons.inspector import Inspector
from mesotape.addons.recorder import Recorder

addons = [Recorder(), Inspector(), FlowSaver()]
