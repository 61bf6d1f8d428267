"""The parts of the pytest plugin: the fixture, its settings, recording in a test.

Start with session.py, the `mesotape` fixture. The hooks are in `proxy/plugin.py`.
"""
