"""For anybody's own mitmproxy: `mitmdump -s script.py --set mesotape_cassette=out.yaml`."""

from mesotape.addons.recorder import Recorder

addons = [Recorder()]
