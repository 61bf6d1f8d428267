"""The parts of the pytest plugin: servers, settings, the network, old and unused cassettes.

Start with session.py, the value of the fixture `mesotape`. The hooks are in `proxy/plugin.py`.
"""
