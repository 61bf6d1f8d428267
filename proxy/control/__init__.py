"""Controlling a replay: from Python, and over HTTP.

Start with player.py, the server that a program or a test starts. controls.py has the
operations, http_api.py offers them over HTTP, stepper.py releases events one by one, and
receipt.py writes down how a replay went.
"""
