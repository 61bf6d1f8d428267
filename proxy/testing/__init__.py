"""The parts of the pytest plugin: the fixture, its settings, the unused cassettes.

Start with session.py, the `mesotape` fixture. The hooks are in `proxy/plugin.py`.
"""
