"""Addons for mitmproxy: the recorder and the inspector. Imports only cassettes and proto.

Start with recorder.py, which passes what it observes to the process in writing/;
recorder_notes.py notes its errors and the answers of the proxy.
leader_redirect.py follows the leader of masters. inspector.py keeps the end of running streams,
which views/ shows. flow_files/ reads and writes flow files.
"""
