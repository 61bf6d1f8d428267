"""Controlling a replay: from Python, and over HTTP.

Start with controls.py, which has the operations. player.py offers them to a program or a test,
with the server in server_thread.py; http_api.py and endpoints.py to other processes. stepper.py
releases events one by one, verdict.py lists the problems of a replay, receipt.py has its result.
"""
