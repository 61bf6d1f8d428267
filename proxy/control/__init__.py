"""Controlling a replay: from Python, and over HTTP.

Start with controls.py, which has the operations. player.py offers them to a program or a test,
http_api.py to other processes. stepper.py releases events one by one, and receipt.py has the
result of a replay.
"""
